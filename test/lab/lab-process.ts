import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { processStat, readProc } from '../../src/drivers/process/proc.ts'

const SPOKEN_MS = 120_000
const STOPPED_MS = 20_000
const LAST_WORDS_MS = 100

/** How a program ended: with a code, or by a signal. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * A program that runs on a machine of a lab. Between it and the test stands `nsenter`, which ends as the program ends; the
 * pid is the program's, as this machine numbers it.
 */
export class LabProcess {
  readonly pid: number
  readonly ended: Promise<End>
  readonly #entry: ChildProcess
  readonly #said: { text: string }

  private constructor(entry: ChildProcess, pid: number, ended: Promise<End>, said: { text: string }) {
    this.#entry = entry
    this.pid = pid
    this.ended = ended
    this.#said = said
  }

  /** Starts the program; resolves when it has a pid. Rejects when it ended before that. */
  static async start(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<LabProcess> {
    const [program = '', ...words] = argv
    const entry = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const said = { text: '' }
    for (const stream of [entry.stdout, entry.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said.text += text
      })
    }
    const ended = new Promise<End>((resolve) => {
      entry.once('exit', async (code, signal) => {
        // What it has left behind may keep its streams open for good.
        await Promise.race([once(entry, 'close'), pause(LAST_WORDS_MS)])
        resolve({ code, signal })
      })
      entry.once('error', (error) => {
        said.text += error.message
        resolve({ code: null, signal: null })
      })
    })
    for (;;) {
      const [pid] = childrenOf(entry.pid ?? 0)
      if (pid !== undefined) return new LabProcess(entry, pid, ended, said)
      const over = await Promise.race([ended, pause(2)])
      if (over !== undefined) throw new Error(`${argv.join(' ')} ended with ${over.code ?? over.signal}: ${said.text}`)
    }
  }

  /** What it has printed so far, on both streams. */
  get output(): string {
    return this.#said.text
  }

  get isRunning(): boolean {
    return this.#entry.exitCode === null && this.#entry.signalCode === null
  }

  /** Sends a signal. Resolves when the process has stopped, for SIGSTOP, and when it has ended, for SIGKILL. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return
    sendSignal(this.pid, signal)
    if (signal === 'SIGSTOP') await this.#entryStopped()
    if (signal === 'SIGCONT' || signal === 'SIGKILL') this.letGo()
    if (signal === 'SIGKILL') await this.ended
  }

  /** Lets nsenter go on, which stops with its child and takes note of nothing until then, of the child's end neither. */
  letGo(): void {
    this.#entry.kill('SIGCONT')
  }

  /** Asks it to end, and kills it when it does not in time. */
  async end(signal: NodeJS.Signals = 'SIGTERM', graceMs = 40_000): Promise<End> {
    await this.signal(signal)
    const killer = setTimeout(() => void this.signal('SIGKILL'), graceMs)
    const end = await this.ended
    clearTimeout(killer)
    return end
  }

  /** Resolves when it has printed this; rejects with what it printed when it ends instead, or takes too long. */
  async says(text: string, withinMs = SPOKEN_MS): Promise<void> {
    const over = this.ended.then(({ code, signal }) => `ended with ${code ?? signal}`)
    for (const deadline = Date.now() + withinMs; !this.output.includes(text); ) {
      const failure = await Promise.race([over, pause(10)])
      if (this.output.includes(text)) return
      const why = failure ?? (Date.now() > deadline ? `took longer than ${withinMs} ms` : null)
      if (why !== null) throw new Error(`the process ${why} without printing "${text}": ${this.output}`)
    }
  }

  async #entryStopped(): Promise<void> {
    const entry = this.#entry.pid ?? 0
    for (const deadline = Date.now() + STOPPED_MS; Date.now() < deadline; await pause(2)) {
      if (processStat(entry)?.state === 'T') return
    }
    throw new Error(`process ${this.pid} does not stop`)
  }
}

/** Children that the main thread of a process started. */
export function childrenOf(pid: number): number[] {
  const children = readProc(`${pid}/task/${pid}/children`) ?? ''
  return children.split(' ').filter(Boolean).map(Number)
}

/** Sends a signal to a process that may have ended meanwhile. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error
  }
}
