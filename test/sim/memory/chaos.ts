import type { Rng } from '../../../src/lib/rng.ts'
import { STRIKES, type Strike } from '../chaos.ts'
import { CLUSTER_STRIKES, duration, machinesOf, some } from '../cluster-chaos.ts'
import type { FaultClass, Faults } from '../faults.ts'
import { between } from '../network.ts'

/** By these nothing may be lost that a server has seen which lives. */
const GENTLE: readonly FaultClass[] = ['server crash', 'agent crash', 'connection cut', 'old assignment']
const ROUGH: readonly FaultClass[] = [
  ...GENTLE,
  'server down long',
  'machine reboot',
  'connection half open',
  'partition',
  'agent pause',
  'machine pause',
  'agents cut from servers',
  'half the nodes cut',
  'way flaps',
]

const OWN: Partial<Record<FaultClass, Strike>> = {
  'server pause': ({ servers }, rng) => {
    const leading = servers.filter(({ api }) => api !== null)
    const server = leading.length > 0 && rng.chance(0.6) ? rng.pick(leading) : rng.pick(servers)
    if (server.process === null) return false
    server.pause(rng.pick([1_000, 3_000, 6_000, 20_000]) + rng.below(1_000))
    return true
  },
  'servers cut': (deps, rng) => {
    const machines = machinesOf(deps)
    const side = some(machines, rng)
    const others = machines.filter((machine) => !side.includes(machine))
    if (others.length === 0) return false
    const ways = between(side, others)
    deps.around.network.cut(rng.chance(0.7) ? ways : [rng.pick(ways)], duration(rng))
    return true
  },
}

/** A server dies while all the others are there and have the state. */
const oneOfAll: Strike = ({ servers }, rng) => {
  if (servers.some(({ anyApi }) => anyApi === null)) return false
  const server = rng.pick(servers)
  if (rng.chance(0.2)) void server.stop()
  else server.kill()
  return true
}

/** What strikes at random times. */
export function memoryStrikes(isGentle: boolean): Partial<Record<FaultClass, Strike>> {
  const known = Object.entries<Strike>({ ...STRIKES, ...CLUSTER_STRIKES }).filter(([fault]) =>
    (isGentle ? GENTLE : ROUGH).includes(fault as FaultClass),
  )
  return { ...Object.fromEntries(known), ...(isGentle ? { 'server crash': oneOfAll } : OWN) }
}

/** Draws what comes between machines, servers and agents. */
export function drawMemoryFaults(rng: Rng, faults: Faults, isGentle: boolean): void {
  for (const fault of Object.keys(memoryStrikes(isGentle))) if (rng.chance(0.6)) faults.set(fault as FaultClass, 1)
  if (rng.chance(0.4)) faults.set('clock wrong', 1)
}
