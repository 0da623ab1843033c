import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { orderFor } from '../src/core/node/order.ts'
import { aContainer, aService, aTask } from '../test/builders.ts'
import { BUSYBOX_IMAGE } from '../test/engine/images.ts'
import { type EngineBed, startEngine } from './engine-bed.ts'
import type { BenchResult } from './frame.ts'
import { contend, quantile } from './frame.ts'
import { type OneNode, startOneNode } from './one-node.ts'

const TRIALS = 30
/** One more each: the first round is not counted. */
const SERVERS = TRIALS + 1
const GOAL_MS = 500
const OUR_PORTS = 17_000
const PEER_PORTS = 17_500
const LOST_MS = 30_000

/**
 * From the SIGKILL of a server's main process until its port takes connections again, against the engine's own
 * `--restart=always`. Every server crashes once: who crashes again and again waits longer, on both sides.
 */
export async function run(): Promise<readonly BenchResult[]> {
  const engine = await startEngine()
  try {
    const node = await startOneNode(['docker', 'process'], engine.host)
    try {
      return [await compare('docker', node, engine), await compare('process', node, engine)]
    } finally {
      await node.stop()
    }
  } finally {
    await engine.stop()
  }
}

async function compare(runtime: 'docker' | 'process', node: OneNode, engine: EngineBed): Promise<BenchResult> {
  await node.settle(() => node.apply(manifest(runtime)))
  await startPeers(engine)
  let [ours, peers] = [OUR_PORTS, PEER_PORTS]
  const result = await contend({
    name: `crash-${runtime}`,
    unit: 'ms',
    rounds: TRIALS,
    ours: async () => ({ value: await crash(ours++) }),
    peer: async () => ({ value: await crash(peers++) }),
    judge: (_ratio, _also, ours) => ({ met: ours.high <= GOAL_MS, goal: `each of ${TRIALS} within ${GOAL_MS} ms` }),
  })
  await node.clear()
  await engine.removeRaw()
  await engine.untilGone(node.clusterId)
  const sorted = result.rounds.map(({ ours }) => ours.value).sort((a, b) => a - b)
  return { ...result, text: `${result.text}, 90 % within ${Math.round(quantile(sorted, 0.9))} ms` }
}

/** Kills the server of this port; resolves with the milliseconds until it serves again. */
async function crash(port: number): Promise<number> {
  const pid = pidOf(port)
  const began = performance.now()
  process.kill(pid, 'SIGKILL')
  // Until it is dead its port may still take connections.
  while (isAlive(pid)) await pause(1)
  while (!(await answers(port))) {
    if (performance.now() - began > LOST_MS) throw new Error(`nobody serves port ${port} again`)
    await pause(1)
  }
  return performance.now() - began
}

function manifest(runtime: 'docker' | 'process'): string {
  const services = Array.from({ length: SERVERS }, (_, i) => {
    const common = { command: serve(OUR_PORTS + i), stop_signal: 'SIGKILL' }
    const docker = { image: BUSYBOX_IMAGE, network_mode: 'host' }
    return [`server${i}`, runtime === 'docker' ? { ...common, ...docker } : common]
  })
  return JSON.stringify({ services: Object.fromEntries(services) })
}

async function startPeers(engine: EngineBed): Promise<void> {
  for (let i = 0; i < SERVERS; i++) {
    const command = serve(PEER_PORTS + i)
    const container = aContainer({ image: BUSYBOX_IMAGE, command, networkMode: 'host', stopSignal: 'SIGKILL' })
    const task = aTask({ slot: i + 1, spec: aService({ container }) })
    const order = orderFor(task, { nodeId: 1, publicAddress: null, memoryBytes: 0 })
    await engine.start(await engine.create(order, 'always'))
  }
}

function serve(port: number): string[] {
  return ['busybox', 'httpd', '-f', '-p', `127.0.0.1:${port}`]
}

/** A server's process, wherever it runs: its words name its port. */
function pidOf(port: number): number {
  const words = `${serve(port).join('\0')}\0`
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && wordsOf(name) === words)
  if (pid === undefined) throw new Error(`nobody serves port ${port}`)
  return Number(pid)
}

function wordsOf(pid: string): string {
  return readProc(`/proc/${pid}/cmdline`) ?? ''
}

/** A zombie has closed what it held. */
function isAlive(pid: number): boolean {
  const stat = readProc(`/proc/${pid}/stat`)
  return stat !== null && stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z'
}

/** null when the process has gone. */
function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as { code?: string }).code ?? '')) return null
    throw error
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      resolve(true)
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
  })
}
