import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../test/free-port.ts'
import type { BenchResult, Measured } from './frame.ts'
import { contend } from './frame.ts'

const TASKS = 30
const PROBE_EVERY_S = 10
const SHORT_S = 60
const LONG_S = 300
/** Looks within that time. */
const LOOKS = 7
const GOAL_MB = 75
const GOAL_CPU_PERCENT = 0.5
const BUNDLE = join(process.cwd(), 'dist/gantry.cjs')

/**
 * Memory and CPU time of `gantry up` itself while it runs and probes tasks, against Node with an empty script. Both run
 * on a copy of Node of their own: pages that are shared with other programs of the machine would count only in part.
 */
export async function run({ long }: { readonly long: boolean }): Promise<BenchResult> {
  if (!existsSync(BUNDLE)) throw new Error('there is no dist/gantry.cjs: run npm run build first')
  const directory = mkdtempSync(join(tmpdir(), 'gantry-bench-'))
  const seconds = long ? LONG_S : SHORT_S
  const bare = spawn(ownNode(directory, 'bare'), ['-e', 'setInterval(() => undefined, 1e9)'], { stdio: 'ignore' })
  try {
    const gantry = await startGantry(directory)
    try {
      const result = await contend({
        name: 'footprint',
        unit: 'MB',
        rounds: LOOKS,
        ours: () => watch(gantry, (seconds * 1000) / LOOKS),
        peer: async () => ({ value: memoryOf(bare).pssMb }),
        judge: () => ({ met: null, goal: `${GOAL_MB} MB at any time, and ${GOAL_CPU_PERCENT} % of a core` }),
      })
      const shares = result.rounds.map(({ ours }) => ours.also?.['% of a core'] ?? Number.NaN)
      const share = shares.reduce((sum, one) => sum + one, 0) / shares.length
      const text = `${result.text}, ${share.toPrecision(2)} % of a core in ${seconds} s with ${TASKS} tasks`
      return { ...result, text, met: result.ours.high <= GOAL_MB && share <= GOAL_CPU_PERCENT }
    } finally {
      await end(gantry, 'SIGINT')
    }
  } finally {
    await end(bare, 'SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

function ownNode(directory: string, name: string): string {
  const path = join(directory, name)
  copyFileSync(process.execPath, path)
  return path
}

/** Resolves when every task is ready. */
async function startGantry(directory: string): Promise<ChildProcess> {
  const manifest = join(directory, 'manifest.yaml')
  writeFileSync(manifest, manifestText())
  const env = {
    PATH: process.env['PATH'],
    GANTRY_DATA: join(directory, 'data'),
    GANTRY_LISTEN: `127.0.0.1:${await freePort()}`,
    GANTRY_RUNTIME: 'process',
    // As bin/gantry has it.
    NODE_COMPILE_CACHE: join(process.cwd(), 'dist/compiled'),
    MALLOC_ARENA_MAX: '1',
  }
  const gantry = spawn(ownNode(directory, 'gantry'), [BUNDLE, 'up', '--first', manifest], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    gantry.stderr.on('data', (data: Buffer) => {
      said += data.toString()
      if (said.includes('Gantry is up.')) resolve()
    })
    gantry.once('exit', (code) => reject(new Error(`gantry up ended with ${code}: ${said}`)))
  })
  return gantry
}

function manifestText(): string {
  const server = 'echo ok > index.html; exec busybox httpd -f -p "127.0.0.1:$PORT"'
  return JSON.stringify({
    services: {
      server: {
        command: ['sh', '-c', server],
        replicas: TASKS,
        ports: [80],
        stop_signal: 'SIGKILL',
        health_check: { type: 'http', http_path: '/', port: 80, interval: PROBE_EVERY_S },
      },
    },
  })
}

async function watch(gantry: ChildProcess, ms: number): Promise<Measured> {
  const before = cpuMsOf(gantry)
  const began = performance.now()
  await pause(ms)
  const share = ((cpuMsOf(gantry) - before) / (performance.now() - began)) * 100
  const { pssMb, privateMb } = memoryOf(gantry)
  return { value: pssMb, also: { 'private MB': privateMb, '% of a core': share } }
}

function memoryOf({ pid }: ChildProcess): { readonly pssMb: number; readonly privateMb: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  const kb = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1])
  return { pssMb: (kb('Pss') * 1024) / 1e6, privateMb: ((kb('Private_Clean') + kb('Private_Dirty')) * 1024) / 1e6 }
}

/** Of all its threads; finer than the hundredths of a second that the kernel tells of the whole process. */
function cpuMsOf({ pid }: ChildProcess): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const ns = threads.map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'latin1').split(' ')[0]))
  return ns.reduce((sum, one) => sum + one, 0) / 1e6
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}
