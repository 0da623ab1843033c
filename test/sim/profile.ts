import type { Rng } from '../../src/lib/rng.ts'

/**
 * What kind of cluster a life is about. `small`: few machines, and faults of each by itself; cheap, so that many are
 * lived. `cluster`: 1 to 7 servers, 1 to 20 agents, and everything that can come between them. `memory`: the same with servers
 * that keep the state in their memories, where nothing runs. `smoke`: one server, two
 * agents, a minute of faults: what speed is measured with.
 */
export const SHAPES = ['small', 'cluster', 'memory', 'smoke'] as const
export type Shape = (typeof SHAPES)[number]

/** One life of so many is about a cluster, where nothing else is asked for. */
const CLUSTER_EVERY = 8
/** And one of so many of those about servers without a store: the third, the seventh, ... */
const MEMORY_EVERY = 4

/** The shape that a number has by itself. */
export function shapeOf(rngSeed: number): Shape {
  if (rngSeed % CLUSTER_EVERY !== 0) return 'small'
  return (rngSeed / CLUSTER_EVERY) % MEMORY_EVERY === 3 ? 'memory' : 'cluster'
}

/** What a life draws before it begins. */
export interface Profile {
  readonly shape: Shape
  readonly nodes: number
  readonly servers: number
  readonly withFailures: boolean
  readonly tight: boolean
  readonly copies: boolean
  /** A user drains and pauses nodes, and machines are lost for good. */
  readonly steered: boolean
  /** Its machines get another version. */
  readonly upgraded: boolean
  /** How it ends: as a whole cluster, with no server at all, with a store that has gone back in time, or with a backup put back. */
  readonly end: 'whole' | 'island' | 'regressed' | 'restored'
  /** Faults and users for so long, then calm. */
  readonly safetyMs: number
  /** Servers run on the machines of agents, and share their fate. */
  readonly together: boolean
  /** The roles of the nodes, one after the other and from the beginning again. */
  readonly placements: readonly string[]
}

const SAFETY_MS = 40_000
const MOST_SERVERS = 7
const MOST_NODES = 20

/** One life of so many ends with a backup that is put back. */
const RESTORED_OF = 12

/** Draws a profile of that shape. */
export function drawProfile(rng: Rng, shape: Shape): Profile {
  const profile = drawShape(rng, shape)
  if (shape === 'smoke' || profile.end !== 'whole' || rng.split('restored').below(RESTORED_OF) > 0) return profile
  // Machines that were lost since, and levels that were reached, are not among what a backup can bring back.
  return { ...profile, end: 'restored', steered: false, upgraded: false }
}

function drawShape(rng: Rng, shape: Shape): Profile {
  const end = rng.below(20)
  const small: Profile = {
    shape,
    nodes: rng.pick([1, 2, 2, 2, 3]),
    servers: rng.pick([1, 1, 2, 3, 5]),
    withFailures: rng.chance(0.5),
    tight: rng.chance(0.15),
    copies: rng.chance(0.15),
    steered: rng.split('steered').chance(0.4),
    upgraded: rng.split('upgraded').chance(0.15),
    end: end < 2 ? 'island' : end < 3 ? 'regressed' : 'whole',
    safetyMs: SAFETY_MS,
    together: false,
    placements: ['default'],
  }
  if (shape === 'small') return small
  if (shape === 'smoke') return { ...small, nodes: 2, servers: 1, upgraded: false, end: 'whole', safetyMs: 60_000 }
  return { ...small, ...drawCluster(rng.split('cluster')) }
}

/** Small ones are more frequent, and every size occurs. */
function drawCluster(rng: Rng): Partial<Profile> {
  return {
    servers: 1 + Math.floor(MOST_SERVERS * rng.next() ** 1.5),
    nodes: 1 + Math.floor(MOST_NODES * rng.next() ** 2),
    withFailures: rng.chance(0.3),
    steered: rng.chance(0.6),
    safetyMs: rng.pick([40_000, 60_000, 90_000, 150_000]),
    together: rng.chance(0.5),
    placements: rng.pick([['default'], ['default'], ['default', 'edge'], ['default', 'default', 'edge', 'db']]),
  }
}
