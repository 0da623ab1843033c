import { loadManifest } from '../src/core/manifest/load.ts'
import { taskId } from '../src/core/model/ids.ts'
import { orderFor } from '../src/core/node/order.ts'
import type { ContainerOrder } from '../src/ports/runtime.ts'
import { aTask } from '../test/builders.ts'
import { BUSYBOX_IMAGE } from '../test/engine/images.ts'
import { type EngineBed, RAW_CLUSTER, startEngine } from './engine-bed.ts'
import type { BenchResult, Measured } from './frame.ts'
import { contend, spread } from './frame.ts'
import { type OneNode, startOneNode } from './one-node.ts'

const REPLICAS = 30
const IN_FLIGHT = [1, 2, 4, 6, 8, 12, 16]
const NETWORKS = ['host', 'bridge'] as const
type Network = (typeof NETWORKS)[number]

/**
 * From the accepted manifest to the start of its last container, as the engine tells it, against the bare calls that
 * make and start the same containers.
 */
export async function run(): Promise<readonly BenchResult[]> {
  const engine = await startEngine()
  try {
    const node = await startOneNode(['docker'], engine.host)
    try {
      const results: BenchResult[] = []
      for (const network of NETWORKS) results.push(await compare(network, node, engine))
      return results
    } finally {
      await node.stop()
    }
  } finally {
    await engine.stop()
  }
}

async function compare(network: Network, node: OneNode, engine: EngineBed): Promise<BenchResult> {
  const inFlight = await bestInFlight(network, engine)
  return contend({
    name: `deploy-${network}`,
    unit: 'ms',
    ours: () => deploy(network, node, engine),
    peer: async () => ({ value: await bareCalls(network, engine, inFlight) }),
    judge: (ratio) => ({
      met: ratio.median <= 1.1,
      goal: `at most 1.10 times as long as the bare calls, ${inFlight} in flight, which is their best`,
    }),
  })
}

async function deploy(network: Network, node: OneNode, engine: EngineBed): Promise<Measured> {
  const asked = Date.now()
  let accepted = 0
  await node.settle(async () => {
    await node.apply(manifest(network))
    accepted = Date.now()
  })
  const last = await lastStart(engine, node.clusterId)
  await node.clear()
  await engine.untilGone(node.clusterId)
  return { value: last - accepted, also: { 'ms from the request': last - asked } }
}

async function bareCalls(network: Network, engine: EngineBed, inFlight: number): Promise<number> {
  const orders = rawOrders(network)
  const began = Date.now()
  const worker = async (): Promise<void> => {
    for (let order = orders.pop(); order !== undefined; order = orders.pop()) {
      await engine.start(await engine.create(order))
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  const last = await lastStart(engine, RAW_CLUSTER)
  await engine.removeRaw()
  return last - began
}

/** The number of calls in flight with which the engine is quickest. */
async function bestInFlight(network: Network, engine: EngineBed): Promise<number> {
  await bareCalls(network, engine, 4)
  const times = new Map<number, number[]>(IN_FLIGHT.map((n) => [n, []]))
  for (let round = 0; round < 3; round++) {
    for (const [inFlight, taken] of times) taken.push(await bareCalls(network, engine, inFlight))
  }
  const medians = [...times].map(([inFlight, taken]) => ({ inFlight, ms: spread(taken).median }))
  process.stderr.write(
    `  ${network}: ${medians.map(({ inFlight, ms }) => `${inFlight} in flight ${ms} ms`).join(', ')}\n`,
  )
  return medians.toSorted((a, b) => a.ms - b.ms)[0]?.inFlight ?? 1
}

async function lastStart(engine: EngineBed, cluster: string): Promise<number> {
  const seen = await engine.seen(cluster)
  if (seen.length !== REPLICAS) throw new Error(`${seen.length} containers instead of ${REPLICAS}`)
  return Math.max(...seen.map(({ startedAt }) => startedAt))
}

function manifest(network: Network): string {
  return JSON.stringify({
    services: {
      sleeper: {
        image: BUSYBOX_IMAGE,
        command: ['sleep', '100000'],
        replicas: REPLICAS,
        network_mode: network,
        stop_signal: 'SIGKILL',
      },
    },
  })
}

/** What Gantry would ask of the engine for the same manifest. */
function rawOrders(network: Network): ContainerOrder[] {
  const spec = loadManifest(manifest(network), 'bench.yaml').manifest?.services['sleeper']
  if (spec === undefined) throw new Error('the manifest has no service')
  const context = { nodeId: 1, publicAddress: null, memoryBytes: 0 }
  return Array.from({ length: REPLICAS }, (_, i) => {
    const slot = i + 1
    return orderFor(aTask({ spec, slot, id: taskId(spec.name, slot, 1), service: spec.name }), context)
  })
}
