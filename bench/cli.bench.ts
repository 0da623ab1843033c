import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../test/free-port.ts'
import type { BenchResult, Measured } from './frame.ts'
import { contend, spread } from './frame.ts'

const EXECUTABLE = join(process.cwd(), 'dist/gantry')
const ROUNDS = 15
/** Starts in one turn, of which the quickest counts: what else the machine does can only add to it. */
const STARTS = 7
const SERVICES = 20
const GOAL_MORE_MS = 12
const GOAL_RATIO = 2

/** What it takes to start the single executable, against the Node that it is made of with an empty script. */
export async function run(): Promise<readonly BenchResult[]> {
  if (!existsSync(EXECUTABLE)) throw new Error('there is no dist/gantry: run npm run build first')
  const directory = mkdtempSync(join(tmpdir(), 'gantry-bench-'))
  const env = { PATH: process.env['PATH'], GANTRY_DATA: directory, GANTRY_RUNTIME: 'process' }
  const empty = join(directory, 'empty.cjs')
  writeFileSync(empty, '')
  const peer = async (): Promise<Measured> => starts(process.execPath, [empty], env)
  try {
    const version = await contend({
      name: 'cli-version',
      unit: 'ms',
      rounds: ROUNDS,
      ours: async () => starts(EXECUTABLE, ['version'], env),
      peer,
      judge: () => ({ met: null, goal: `at most ${GOAL_MORE_MS} ms more` }),
    })
    const server = await startServer(directory, env)
    try {
      const listing = await contend({
        name: 'cli-listing',
        unit: 'ms',
        rounds: ROUNDS,
        ours: async () => starts(EXECUTABLE, ['services'], env),
        peer,
        judge: (ratio) => ({ met: ratio.median <= GOAL_RATIO, goal: `at most ${GOAL_RATIO} times as long` }),
      })
      return [withDifference(version), listing]
    } finally {
      starts(EXECUTABLE, ['destroy', '--yes'], env, 1)
      await end(server)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function starts(program: string, args: readonly string[], env: NodeJS.ProcessEnv, count = STARTS): Measured {
  const times: number[] = []
  for (let n = 0; n < count; n++) {
    const began = performance.now()
    const { status, stderr } = spawnSync(program, args, { env, encoding: 'utf8' })
    times.push(performance.now() - began)
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`)
  }
  return { value: Math.min(...times) }
}

function withDifference(result: BenchResult): BenchResult {
  const more = spread(result.rounds.map(({ ours, peer }) => ours.value - peer.value))
  const text = `${result.text}, ${more.median.toFixed(1)} ms more (${more.low.toFixed(1)}-${more.high.toFixed(1)})`
  return { ...result, also: { ...result.also, 'ms more': more }, text, met: more.median <= GOAL_MORE_MS }
}

/** Resolves when every service is healthy. */
async function startServer(directory: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const names = Array.from({ length: SERVICES }, (_, n) => `service-${n}`)
  const manifest = join(directory, 'manifest.yaml')
  const services = Object.fromEntries(names.map((name) => [name, { command: ['sleep', '1000000'] }]))
  writeFileSync(manifest, JSON.stringify({ services }))
  const args = ['up', '--first', manifest, '--listen', `127.0.0.1:${await freePort()}`]
  const server = spawn(EXECUTABLE, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    server.stderr.on('data', (data: Buffer) => {
      said += data.toString()
      if (said.includes('Gantry is up.')) resolve()
    })
    server.once('exit', (code) => reject(new Error(`gantry up ended with ${code}: ${said}`)))
  })
  return server
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  await ended
}
