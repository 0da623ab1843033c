import { spawn } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { lastWordsOf } from '../../core/etcd/last-words.ts'
import type { Millis } from '../../core/model/ids.ts'
import { retryDelayMs } from '../../lib/backoff.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { errorCode } from '../durable-text.ts'
import { KILL, sendSignal } from '../process/members.ts'
import { bootId, commandLine, isAlive, sessionMembers } from '../process/proc.ts'
import { type Run, readRefusal, readRun, readShim } from '../process/run-record.ts'
import { installShim } from '../process/shim.ts'
import { findEtcd, SYSTEM_PATH } from './find-etcd.ts'

const TERM = 15
const LOOK_EVERY_MS: Millis = 250
const START_WITHIN_MS: Millis = 10_000
/** etcd hands the lead over and writes what it has before it ends. */
const END_WITHIN_MS: Millis = 10_000
const LARGEST_LOG_BYTES = 8 * 1024 ** 2
/** After so long without an end, the next one counts as the first. */
const WELL_AFTER_MS: Millis = 600_000

export interface EtcdProcessOptions {
  /** Data directory of Gantry. */
  readonly dataDir: string
  /** Name or path of etcd's program. */
  readonly program: string
  readonly clock: Clock
  readonly log: Log
}

/**
 * The etcd of this machine, under the shim of process tasks: it goes on when Gantry is killed, and the next start
 * adopts it. What it says is kept in `etcd-run/logs`, 16 MiB at most.
 */
export class EtcdProcess {
  readonly #options: EtcdProcessOptions
  readonly #state: string
  readonly #logs: string
  #run: Run | null = null
  #endings = 0
  #endedAt: Millis = 0
  #keeping: Promise<void> | null = null
  #words: readonly string[] = []
  readonly #stopping = new AbortController()

  constructor(options: EtcdProcessOptions) {
    this.#options = options
    this.#state = join(options.dataDir, 'etcd-run', 'state')
    this.#logs = join(options.dataDir, 'etcd-run', 'logs')
  }

  /** How often it ended by itself since this process began. */
  get endings(): number {
    return this.#endings
  }

  isRunning(): boolean {
    const running = this.#run !== null && isAlive(this.#run.program)
    if (!running && this.#run !== null) {
      const { clock } = this.#options
      if (clock.now() - this.#endedAt > WELL_AFTER_MS) this.#endings = 0
      this.#endings++
      this.#endedAt = clock.now()
      this.#run = null
    }
    return running
  }

  /** Takes over what an earlier Gantry left running. */
  async adopt(): Promise<void> {
    const run = await readRun(this.#state)
    if (run !== null && run.bootId === bootId() && isAlive(run.program)) this.#run = run
  }

  /** Pause that is due before it is started again. */
  get restartDelayMs(): Millis {
    return retryDelayMs(this.#endings)
  }

  /** Stops one that runs with other words, but for those that only say how it once became a member. */
  async endUnlessWith(words: readonly string[]): Promise<void> {
    if (this.isRunning() && !this.#runsWith(words)) await this.#end()
  }

  /** Starts it with these words, unless it runs with them; one with others is stopped. Throws PREREQUISITE. */
  async start(words: readonly string[]): Promise<void> {
    await this.endUnlessWith(words)
    if (this.isRunning()) return
    const { dataDir, log } = this.#options
    const program = await this.#program()
    const last = Math.max((await readRun(this.#state))?.number ?? 0, (await readShim(this.#state))?.run ?? 0)
    for (const directory of [this.#state, this.#logs, join(dataDir, 'etcd')]) {
      await mkdir(directory, { recursive: true, mode: 0o700 })
    }
    await this.#boundLog()
    await rm(join(this.#state, 'refusal'), { force: true })
    const shim = await installShim(dataDir)
    const supervise = ['supervise', this.#state, this.#logs, String(last + 1), '--', program, ...words]
    const env = {
      PATH: SYSTEM_PATH,
      LANG: 'C.UTF-8',
      ...(process.arch === 'arm64' && { ETCD_UNSUPPORTED_ARCH: 'arm64' }),
    }
    const child = spawn('/bin/sh', [shim, ...supervise], { cwd: dataDir, env, detached: true, stdio: 'ignore' })
    let failure = ''
    child.on('error', (error) => {
      failure = error.message
    })
    child.unref()
    await this.#started(last + 1, () => failure)
    log.info('etcd started', { program, run: last + 1 })
  }

  /** Starts it again with these words whenever it ends, until it is stopped; one that runs with others is started anew soon. */
  keepRunning(words: readonly string[]): void {
    this.#words = words
    this.#keeping ??= this.#keep()
  }

  /** Whether it runs with the words that it is kept running with. */
  isKept(): boolean {
    return this.isRunning() && this.#runsWith(this.#words)
  }

  /** Stops it in an orderly way, and for good. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('etcd is to stop'))
    await this.#keeping
    await this.#end()
  }

  /** Lets it run, for the next Gantry to adopt. */
  async leave(): Promise<void> {
    this.#stopping.abort(new Error('etcd is left to itself'))
    await this.#keeping
  }

  /** Why it has ended, as it said itself; empty: it said nothing. */
  async lastWords(): Promise<string> {
    try {
      return lastWordsOf(await readFile(join(this.#logs, 'stderr.log'), 'utf8'))
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return ''
      throw error
    }
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping
    const { clock, log } = this.#options
    let known = this.#words
    while (!signal.aborted) {
      const hasEnded = !this.isRunning()
      if (hasEnded || known !== this.#words) {
        if (hasEnded) {
          log.warn('etcd has ended', { endings: this.#endings, lastWords: await this.lastWords() })
          await sleep(clock, this.restartDelayMs, signal).catch(() => undefined)
        }
        if (signal.aborted) return
        try {
          const words = this.#words
          await this.start(words)
          known = words
        } catch (error) {
          if (!(error instanceof OperationalError)) throw error
          this.#endings++
          log.error('etcd cannot be started', { reason: error.message })
        }
      }
      await this.#boundLog()
      // It ends early when the signal aborts, which the loop sees.
      await sleep(clock, LOOK_EVERY_MS, signal).catch(() => undefined)
    }
  }

  #runsWith(words: readonly string[]): boolean {
    const now = this.#run === null ? [] : commandLine(this.#run.program.pid).slice(1)
    // How it once became a member does not matter to one that is.
    const lasting = (all: readonly string[]): string => all.filter((word) => !word.startsWith('--initial-')).join('\n')
    return lasting(now) === lasting(words)
  }

  async #program(): Promise<string> {
    const { program, dataDir } = this.#options
    return (await findEtcd(program, dataDir)).file
  }

  async #started(number: number, failure: () => string): Promise<void> {
    const { clock } = this.#options
    const until = clock.now() + START_WITHIN_MS
    for (;;) {
      const run = await readRun(this.#state)
      if (run?.number === number) {
        this.#run = run
        return
      }
      const refusal = failure() || (await readRefusal(this.#state))
      if (refusal !== '' || clock.now() > until) {
        throw new OperationalError('PREREQUISITE', `cannot start etcd: ${refusal || 'it was not started in time'}`)
      }
      await sleep(clock, 20)
    }
  }

  async #end(): Promise<void> {
    const run = this.#run
    this.#run = null
    if (run === null) return
    const { clock } = this.#options
    if (isAlive(run.program)) sendSignal(run.program.pid, TERM)
    const until = clock.now() + END_WITHIN_MS
    while (isAlive(run.program) && clock.now() < until) await sleep(clock, 20)
    for (const { pid } of sessionMembers(run.program)) sendSignal(pid, KILL)
    // The shim notes the end, and is gone.
    while (isAlive(run.shim) && clock.now() < until + END_WITHIN_MS) await sleep(clock, 20)
  }

  /** The shim appends, so what was copied can be cut off; a line that comes in between is lost. */
  async #boundLog(): Promise<void> {
    const path = join(this.#logs, 'stderr.log')
    const size = await stat(path).then(
      (found) => found.size,
      (error: unknown) => {
        if (errorCode(error) === 'ENOENT') return 0
        throw error
      },
    )
    if (size < LARGEST_LOG_BYTES) return
    await copyFile(path, `${path}.1`)
    await truncate(path)
  }
}
