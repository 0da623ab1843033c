import { knownFaults } from '../etcd/known-faults.ts'
import type { Millis } from '../model/ids.ts'
import { timeWords } from '../time-words.ts'
import { type AddressRange, OVERLAY, overlap, parseRange } from './address-range.ts'

/** One port that a node needs. */
export interface PortFact {
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  readonly host: string
  /** What listens there: `link of the servers`. */
  readonly purpose: string
  /** Whether nothing works without it. */
  readonly needed: boolean
  /** Why it cannot be listened on; null: it can. */
  readonly taken: string | null
}

export type ModuleState = 'loaded' | 'available' | 'missing'

/** What was seen of a machine before anything is installed on it. */
export interface MachineFacts {
  readonly ports: readonly PortFact[]
  /** What each server answered: how far its clock is ahead of ours, or why there was no answer. */
  readonly servers: readonly { readonly server: string; readonly offsetMs: Millis | null; readonly message: string }[]
  /** null: no runtime of this node needs an engine. */
  readonly engine: { readonly version: string; readonly available: boolean; readonly message: string } | null
  /** Members of the etcd or ZooKeeper that keeps the state elsewhere; `silence`: why one takes no connection, null: it does. */
  readonly store: readonly { readonly member: string; readonly silence: string | null }[]
  /** Of the etcd that the servers are to run; `message`: why it cannot be. null: they run none. */
  readonly etcd: { readonly version: string; readonly message: string; readonly todo: string } | null
  /** Whether tasks can run without an engine. */
  readonly canDoWithoutEngine: boolean
  readonly kernel: {
    readonly release: string
    readonly cgroup2: boolean
    readonly vxlan: ModuleState
    readonly nftables: ModuleState
    readonly wireguard: ModuleState
  }
  /** Routes that are no default: `10.0.0.0/8` and the device. */
  readonly routes: readonly { readonly range: string; readonly device: string }[]
  /** `message`: why nothing can be kept there; empty: it can. */
  readonly disk: { readonly path: string; readonly freeBytes: number; readonly message: string }
  readonly isRoot: boolean
}

/** One thing that was looked at. */
export interface MachineCheck {
  readonly check: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly found: string
  /** What to do; empty when nothing. */
  readonly todo: string
}

const MIB = 2 ** 20
const LEAST_FREE_BYTES = 256 * MIB
const LITTLE_FREE_BYTES = 4096 * MIB
/** Logs and events of two nodes are hard to put in order beyond this. */
const NOTICEABLE_OFFSET_MS: Millis = 1_000
/** Nobody counts so many seconds. */
const LONG_MS: Millis = 2 * 60_000
/** Certificates are good from five minutes ago, for clocks differ: beyond that a new one is not believed. */
const GREATEST_OFFSET_MS: Millis = 5 * 60_000

/** Judges whether a machine can be a node, one line for each thing. */
export function judgeMachine(facts: MachineFacts): readonly MachineCheck[] {
  return [
    userCheck(facts),
    ...facts.ports.map(portCheck),
    ...serverChecks(facts),
    clockCheck(facts),
    ...storeChecks(facts),
    ...etcdChecks(facts),
    engineCheck(facts),
    kernelCheck(facts),
    ...moduleChecks(facts),
    rangeCheck(facts),
    diskCheck(facts),
  ]
}

const ok = (check: string, found: string): MachineCheck => ({ check, state: 'ok', found, todo: '' })
const warn = (check: string, found: string, todo: string): MachineCheck => ({ check, state: 'warn', found, todo })
const fail = (check: string, found: string, todo: string): MachineCheck => ({ check, state: 'fail', found, todo })

function userCheck({ isRoot }: MachineFacts): MachineCheck {
  if (isRoot) return ok('user', 'root')
  return warn('user', 'not root', 'limits of processes, networks and a unit of systemd need root')
}

function portCheck({ port, protocol, purpose, needed, taken, host }: PortFact): MachineCheck {
  const check = `port ${port}/${protocol}`
  if (taken === null) return ok(check, `free for the ${purpose}`)
  const found = `wanted for the ${purpose} at ${host}: ${taken}`
  return (needed ? fail : warn)(check, found, `\`ss -lnp\` shows who has it; end that, or choose another`)
}

function serverChecks({ servers }: MachineFacts): readonly MachineCheck[] {
  return servers.map(({ server, offsetMs, message }) =>
    offsetMs === null
      ? warn(`server ${server}`, message, 'if it is not installed yet, this machine waits for it; else open its port')
      : ok(`server ${server}`, 'answers'),
  )
}

function clockCheck({ servers }: MachineFacts): MachineCheck {
  const offsets = servers.map(({ offsetMs }) => offsetMs).filter((offset) => offset !== null)
  if (offsets.length === 0) return ok('clock', 'nothing to compare it with')
  const worst = Math.max(...offsets.map(Math.abs))
  const found = `${worst < LONG_MS ? `${(worst / 1_000).toFixed(1)} s` : timeWords(worst)} from that of a server`
  if (worst > GREATEST_OFFSET_MS) return fail('clock', found, 'set it, and keep it set: chrony, or systemd-timesyncd')
  return worst > NOTICEABLE_OFFSET_MS
    ? warn('clock', found, 'keep it set: chrony, or systemd-timesyncd')
    : ok('clock', found)
}

/** One member is enough to begin with; without any a server does not come up. */
function storeChecks({ store }: MachineFacts): readonly MachineCheck[] {
  const judge = store.every(({ silence }) => silence !== null) ? fail : warn
  return store.map(({ member, silence }) =>
    silence === null
      ? ok(`store ${member}`, 'takes connections')
      : judge(`store ${member}`, silence, 'start it, or open its port to this machine'),
  )
}

function etcdChecks({ etcd }: MachineFacts): readonly MachineCheck[] {
  if (etcd === null) return []
  if (etcd.message !== '') return [fail('etcd', etcd.message, etcd.todo)]
  const known = knownFaults(etcd.version)
  if (known === null) return [ok('etcd', etcd.version)]
  return [warn('etcd', `${etcd.version} has known faults: ${known.faults.join('; ')}`, `run ${known.sound} or newer`)]
}

function engineCheck({ engine, canDoWithoutEngine }: MachineFacts): MachineCheck {
  if (engine === null) return ok('engine', 'not needed: this node runs processes only')
  if (engine.available) return ok('engine', `Docker ${engine.version}`)
  const todo = 'start Docker Engine 19.03 or newer, or set DOCKER_HOST'
  return canDoWithoutEngine
    ? warn('engine', `${engine.message}; only processes run here`, todo)
    : fail('engine', engine.message, todo)
}

function kernelCheck({ kernel: { release, cgroup2 } }: MachineFacts): MachineCheck {
  if (cgroup2) return ok('kernel', `${release}, control groups v2`)
  return warn('kernel', `${release}, without control groups v2`, 'processes run without limits of CPU and memory here')
}

function moduleChecks({ kernel: { vxlan, nftables, wireguard } }: MachineFacts): readonly MachineCheck[] {
  const needed = (check: string, state: ModuleState, todo: string): MachineCheck =>
    state === 'missing' ? warn(check, 'not in this kernel', todo) : ok(check, state)
  return [
    needed('VXLAN', vxlan, 'services get no addresses of their own across machines'),
    needed('nftables', nftables, 'services get no addresses of their own'),
    ok('WireGuard', wireguard === 'missing' ? 'not in this kernel; nothing needs it' : wireguard),
  ]
}

function rangeCheck({ routes }: MachineFacts): MachineCheck {
  const check = 'addresses'
  const ours = parseRange(OVERLAY)
  const touching = routes.filter(({ range }) => touches(parseRange(range), ours))
  const inside = touching.find(({ range }) => (parseRange(range)?.bits ?? 0) >= (ours?.bits ?? 0))
  const words = ({ range, device }: MachineFacts['routes'][number]): string => `${range} on ${device}`
  if (inside !== undefined)
    return fail(
      check,
      `${OVERLAY} is wanted for services, and there is a route to ${words(inside)}`,
      'give that network other addresses',
    )
  const [around] = touching
  if (around === undefined) return ok(check, `${OVERLAY} is free`)
  return warn(
    check,
    `${OVERLAY} lies in ${words(around)}`,
    'machines there that have such addresses are not reached any more',
  )
}

function touches(a: AddressRange | null, b: AddressRange | null): boolean {
  return a !== null && b !== null && overlap(a, b)
}

function diskCheck({ disk: { path, freeBytes, message } }: MachineFacts): MachineCheck {
  if (message !== '') return fail('disk', `${path} cannot be the volume: ${message}`, 'choose another --volume')
  const found = `${Math.floor(freeBytes / MIB)} MiB free for ${path}`
  if (freeBytes < LEAST_FREE_BYTES) return fail('disk', found, 'make room, or choose another --volume')
  return freeBytes < LITTLE_FREE_BYTES ? warn('disk', found, 'images and logs want more') : ok('disk', found)
}
