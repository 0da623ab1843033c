import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { removeRemains } from './remove-remains.ts'

/** The built program, as users run it from a checkout. */
const BUNDLE = join(process.cwd(), 'dist', 'gantry.cjs')

/** A command that takes longer hangs. */
const LONGEST_MS = 120_000
/** Several times what anything takes on a machine that is slow and busy. */
const PATIENCE_MS = 60_000

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Gantry {
  readonly dataDir: string
  readonly port: number
  readonly env: NodeJS.ProcessEnv
  /** The bundle that is run. */
  program: string
  /** The running `gantry up`; null while it does not run. */
  process: ChildProcess | null
  /** What `up` has printed so far. */
  readonly output: { text: string }
  /** Starts `gantry up` and resolves when it says that it is up, or rejects with what it printed when it ends instead. */
  up(...args: string[]): Promise<void>
  /** Starts `gantry agent` in the same way. */
  agent(...args: string[]): Promise<void>
  /** Runs a command to its end. */
  run(...args: string[]): Promise<Ended>
  /** Runs a command that must succeed, and parses what it prints. */
  json<T>(...args: string[]): Promise<T>
  /** Sends a signal to `gantry up` and resolves with how it ended. */
  end(signal: NodeJS.Signals): Promise<number | null>
  /** Ends everything, tasks included, and removes the data directory. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A cluster of its own in a temporary directory; nothing has been started yet. */
export async function aGantry(env: NodeJS.ProcessEnv = {}): Promise<Gantry> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gantry-system-'))
  const port = await freePort()
  const whole: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: dataDir,
    GANTRY_DATA: dataDir,
    GANTRY_LISTEN: `127.0.0.1:${port}`,
    NO_COLOR: '1',
    ...env,
  }
  const output = { text: '' }
  const gantry: Gantry = {
    dataDir,
    port,
    env: whole,
    program: BUNDLE,
    process: null,
    output,
    up: (...args) => start(gantry, ['up', ...args]),
    agent: (...args) => start(gantry, ['agent', ...args]),
    run: (...args) => run(args, gantry),
    json: async <T>(...args: string[]) => {
      const { code, stdout, stderr } = await run([...args, '--json'], gantry)
      if (code !== 0) throw new Error(`gantry ${args.join(' ')} ended with ${code}: ${stderr}`)
      return JSON.parse(stdout) as T
    },
    end: async (signal) => {
      const child = gantry.process
      if (child === null) return null
      gantry.process = null
      if (child.exitCode !== null) return child.exitCode
      const ended = once(child, 'exit')
      child.kill(signal)
      const [code] = (await ended) as [number | null]
      return code
    },
    [Symbol.asyncDispose]: async () => {
      if (gantry.process === null) await start(gantry, ['up']).catch(() => undefined)
      const child = gantry.process
      const killer = setTimeout(() => child?.kill('SIGKILL'), LONGEST_MS)
      if (child !== null) await run(['destroy', '--yes', '--timeout', '30'], gantry)
      await gantry.end('SIGINT')
      clearTimeout(killer)
      await removeRemains(dataDir)
    },
  }
  return gantry
}

function start(gantry: Gantry, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [gantry.program, ...args], {
    env: gantry.env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  gantry.process = child
  gantry.output.text = ''
  return new Promise((resolve, reject) => {
    child.stderr.on('data', (data: Buffer) => {
      gantry.output.text += data.toString()
      if (gantry.output.text.includes('Gantry is up')) resolve()
    })
    child.on('exit', (code) => {
      if (gantry.process === child) gantry.process = null
      reject(new Error(`gantry ${args[0]} ended with ${code}: ${gantry.output.text}`))
    })
  })
}

async function run(args: readonly string[], { program, env }: Gantry): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString()
  })
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** Asks until the condition holds; fails with the last answer when it does not in time. */
export async function until<T>(
  ask: () => Promise<T>,
  holds: (answer: T) => boolean,
  withinMs = PATIENCE_MS,
): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (holds(answer)) return answer
    if (Date.now() > deadline)
      throw new Error(`it did not come to hold within ${withinMs} ms: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The API token of a cluster. */
export function tokenOf(gantry: Gantry): string {
  return readFileSync(join(gantry.dataDir, 'token'), 'utf8').trim()
}
