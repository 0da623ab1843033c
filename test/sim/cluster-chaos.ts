import type { Rng } from '../../src/lib/rng.ts'
import type { ChaosDeps, Strike } from './chaos.ts'
import type { FaultClass, Faults } from './faults.ts'
import { between, STORE, type Way } from './network.ts'
import type { SimServer } from './server.ts'

/** What strikes between machines, servers and the store whenever something is done, with the most frequent rate. */
const RATES: Partial<Record<FaultClass, number>> = {
  'crash in a call': 0.002,
  'lease loss unnoticed': 0.5,
  'clock wrong': 1,
  'follower asked': 0.3,
}

/** Draws which of the faults this life knows that need more than one machine. */
export function drawClusterFaults(rng: Rng, faults: Faults): void {
  for (const [fault, most] of Object.entries(RATES)) {
    if (rng.chance(0.4)) faults.set(fault as FaultClass, rng.next() * most)
  }
  for (const fault of Object.keys(CLUSTER_STRIKES)) if (rng.chance(0.35)) faults.set(fault as FaultClass, 1)
}

/** A short break, one that is noticed, or one that outlasts every patience. */
export function duration(rng: Rng): number {
  return rng.pick([300, 1_500, 5_000, 5_000, 12_000, 25_000, 75_000]) + rng.below(2_000)
}

function reigning({ backend, servers }: ChaosDeps): SimServer | undefined {
  const holder = backend.lease.holder
  return servers.find(({ process }) => process !== null && process === holder)
}

export function some<T>(items: readonly T[], rng: Rng): T[] {
  const first = rng.below(items.length)
  const count = 1 + rng.below(items.length)
  return Array.from({ length: count }, (_, i) => items[(first + i) % items.length]).filter((one) => one !== undefined)
}

function cut({ around: { network } }: ChaosDeps, ways: readonly Way[], ms: number): boolean {
  network.cut(ways, ms)
  return ways.length > 0
}

export function machinesOf({ servers }: ChaosDeps): string[] {
  return [...new Set(servers.map(({ machine }) => machine))]
}

export const CLUSTER_STRIKES: Partial<Record<FaultClass, Strike>> = {
  'server pause': (deps, rng) => {
    const server = rng.chance(0.6) ? reigning(deps) : rng.pick(deps.servers)
    if (server?.process == null) return false
    server.pause(rng.pick([1_000, 4_000, 8_000, 20_000, 60_000]) + rng.below(1_000))
    return true
  },
  'agent pause': ({ nodes }, rng) => {
    const node = rng.pick(nodes)
    if (!node.isUp) return false
    node.pause(rng.pick([1_000, 5_000, 20_000, 60_000]) + rng.below(1_000))
    return true
  },
  'machine pause': ({ nodes, servers }, rng) => {
    const node = rng.pick(nodes)
    const ms = duration(rng)
    node.freeze(ms)
    for (const server of servers) if (server.machine === node.name) server.pause(ms)
    return true
  },
  'leader cut from store': (deps, rng) => {
    const leader = reigning(deps)
    return leader !== undefined && cut(deps, between([leader.machine], [STORE]), duration(rng))
  },
  'server cut from store': (deps, rng) => {
    const { machine } = rng.pick(deps.servers)
    const ways = between([machine], [STORE])
    return cut(deps, rng.chance(0.5) ? ways : [rng.pick(ways)], duration(rng))
  },
  'leader cut from agents': (deps, rng) => {
    const leader = reigning(deps)
    if (leader === undefined) return false
    const names = deps.nodes.map(({ name }) => name)
    return cut(deps, between([leader.machine], names), duration(rng))
  },
  'agents cut from servers': (deps, rng) => {
    const names = some(deps.nodes, rng).map(({ name }) => name)
    return cut(deps, between(names, machinesOf(deps)), duration(rng))
  },
  'half the nodes cut': (deps, rng) => {
    const half = deps.nodes.slice(0, Math.ceil(deps.nodes.length / 2)).map(({ name }) => name)
    const others = [...machinesOf(deps), ...deps.nodes.map(({ name }) => name)].filter((name) => !half.includes(name))
    return cut(deps, between(half, others), duration(rng))
  },
  'some pairs cut': (deps, rng) => {
    const all = [...machinesOf(deps), ...deps.nodes.map(({ name }) => name), STORE]
    return cut(deps, between([rng.pick(all)], some(all, rng)), duration(rng))
  },
  'one way cut': (deps, rng) => {
    const all = [...machinesOf(deps), ...deps.nodes.map(({ name }) => name), STORE]
    const [from, to] = [rng.pick(all), rng.pick(all)]
    return from !== to && cut(deps, [{ from, to }], duration(rng))
  },
  'way flaps': (deps, rng) => {
    const ways = between([rng.pick(deps.nodes).name], machinesOf(deps))
    const { clock, faults } = deps.around
    const flap = (left: number): void => {
      if (left === 0 || !faults.on) return
      cut(deps, ways, rng.below(3_000))
      clock.after(500 + rng.below(5_000), () => flap(left - 1))
    }
    flap(3 + rng.below(8))
    return true
  },
  'view lags': ({ servers, backend, around }, rng) => {
    const name = rng.pick(servers).process?.name
    if (name === undefined || backend.lagging.has(name)) return false
    backend.lagging.add(name)
    around.clock.after(500 + rng.below(15_000), () => backend.lagging.delete(name))
    return true
  },
  'store gone': (deps, rng) => cut(deps, between(machinesOf(deps), [STORE]), rng.pick([3_000, 20_000, 100_000])),
  'store full': ({ backend, around }, rng) => {
    backend.isFull = true
    around.clock.after(1_000 + rng.below(20_000), () => {
      backend.isFull = false
    })
    return true
  },
}
