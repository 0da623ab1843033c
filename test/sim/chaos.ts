import { TASK_STATES, type Task, type TaskStatus } from '../../src/core/model/task.ts'
import type { Rng } from '../../src/lib/rng.ts'
import { aContainer } from '../builders.ts'
import type { SimContainer } from './container.ts'
import type { SimEngine } from './engine.ts'
import type { FaultClass, Faults } from './faults.ts'
import { CLUSTER_ID, type SimNode } from './node.ts'
import type { SimServer } from './server.ts'
import type { Shadow } from './shadow.ts'
import type { StoreBackend } from './store-backend.ts'
import type { Surroundings } from './surroundings.ts'

/** Faults that strike whenever something is done, with the most frequent rate that a life may draw for each. */
const RATES: Partial<Record<FaultClass, number>> = {
  'request lost': 0.04,
  'reply lost': 0.04,
  'hint lost': 0.4,
  'commit slow': 0.1,
  'commit conflict': 0.1,
  'commit unknown, landed': 0.05,
  'commit unknown, not landed': 0.05,
  'store unavailable': 0.05,
  'watch late': 0.1,
  'watch gap': 0.03,
}

export interface ChaosDeps {
  readonly around: Surroundings
  readonly nodes: readonly SimNode[]
  readonly servers: readonly SimServer[]
  readonly backend: StoreBackend
  readonly shadow: Shadow
}

/** Draws which kinds of faults this life knows, and how often the world goes wrong by itself. */
export function drawFaults(rng: Rng, faults: Faults): void {
  for (const [fault, most] of Object.entries(RATES)) {
    if (rng.chance(0.5)) faults.set(fault as FaultClass, rng.next() * most)
  }
  for (const fault of Object.keys(STRIKES)) if (rng.chance(0.5)) faults.set(fault as FaultClass, 1)
}

/** What was found missing among the faults later than the others, and is drawn by itself, so that the lives before go as they went. */
export function drawLaterFaults(rng: Rng, faults: Faults): void {
  if (rng.chance(0.25)) faults.set('absence noted late', 0.5 + rng.next() / 2)
}

/** Lets the world go wrong at random times until the faults end. */
export function beginChaos(deps: ChaosDeps, strikes = STRIKES): void {
  const { clock, faults } = deps.around
  const rng = deps.around.rng.split(strikes === STRIKES ? 'chaos' : 'chaos between machines')
  const known = Object.entries(strikes).filter(([fault]) => faults.rate(fault as FaultClass) > 0)
  if (known.length === 0) return
  const meanMs = rng.pick([1_000, 3_000, 8_000])
  const next = (): void => {
    clock.after(rng.below(2 * meanMs), () => {
      if (!faults.on) return
      const [fault, strike] = rng.pick(known)
      if (strike(deps, rng)) faults.count(fault as FaultClass)
      next()
    })
  }
  next()
}

/** Whether it struck: there may be nothing to strike. */
export type Strike = (deps: ChaosDeps, rng: Rng) => boolean

export const STRIKES: Partial<Record<FaultClass, Strike>> = {
  'engine down': (deps, rng) => strikeEngine(deps, rng, (engine) => engine.goDown(500 + rng.below(8_000), true)),
  'engine restart': (deps, rng) => strikeEngine(deps, rng, (engine) => engine.goDown(200 + rng.below(3_000), false)),
  'engine slow': (deps, rng) =>
    strikeEngine(deps, rng, (engine) => {
      engine.slowness = 3 + rng.below(30)
      deps.around.clock.after(rng.below(5_000), () => {
        engine.slowness = 1
      })
    }),
  'container killed': (deps, rng) =>
    strikeContainer(deps, rng, (engine, container) => {
      const running = container.state === 'running'
      engine.end(container, 137, 'fault')
      return running
    }),
  'container removed': (deps, rng) =>
    strikeContainer(deps, rng, (engine, container) => {
      engine.remove(container, 'fault')
      return true
    }),
  'port taken': ({ nodes, around }, rng) => {
    const { docker } = rng.pick(nodes).engines
    const stranger = placeStranger(docker, 8_000 + rng.below(7))
    around.clock.after(1_000 + rng.below(8_000), () => docker.end(stranger, 0, 'program'))
    return true
  },
  'agent crash': ({ nodes, around }, rng) => {
    const node = rng.pick(nodes)
    if (!node.isUp) return false
    if (rng.chance(0.25)) void node.stopAgent(rng.chance(0.5))
    else node.killAgent()
    around.clock.after(rng.below(4_000), () => node.startAgent())
    return true
  },
  'machine reboot': ({ nodes, servers, around }, rng) => {
    const node = rng.pick(nodes)
    node.reboot()
    for (const server of servers) if (server.machine === node.name) server.kill()
    around.clock.after(1_000 + rng.below(8_000), () => node.startAgent())
    return true
  },
  'server crash': ({ servers }, rng) => {
    const server = rng.pick(servers)
    if (rng.chance(0.2)) void server.stop()
    else server.kill()
    return true
  },
  'server down long': ({ servers, around }, rng) => {
    for (const server of servers) {
      server.keepDown()
      around.clock.after(5_000 + rng.below(15_000), () => server.start())
    }
    return true
  },
  'server unheard': ({ servers }, rng) => {
    if (servers.length < 2) return false
    rng.pick(servers).beUnheard(500 + rng.below(8_000))
    return true
  },
  'second leader': ({ backend }) => {
    if (!backend.lease.isWanted) return false
    backend.lease.takeAway(false)
    return true
  },
  'lease lost': ({ backend }) => {
    if (backend.lease.holder === null) return false
    backend.lease.takeAway(true)
    return true
  },
  'connection cut': ({ nodes }, rng) => breakConnection(rng.pick(nodes), 100),
  'connection half open': ({ nodes }, rng) => breakConnection(rng.pick(nodes), 12_000),
  'foreign report': ({ nodes, shadow }, rng) => {
    const node = rng.pick(nodes)
    const id = shadow.nodeNamed(node.name)?.id
    const others = shadow.alive().filter((task) => task.node !== null && task.node !== id)
    if (node.connection === null || others.length === 0) return false
    const { id: taskId, status } = rng.pick(others)
    const end = { state: 'failed', ready: false, finishedAt: 1, message: 'said a stranger' } as const
    node.connection.say({ kind: 'report', statuses: [{ taskId, status: { ...status, ...end } }] })
    return true
  },
  'old report': ({ nodes, shadow }, rng) => {
    const node = rng.pick(nodes)
    const told = node.said.flatMap(({ statuses }) => statuses)
    const old = told.filter(({ taskId, status }) => isPast(status, shadow.tasks.get(taskId)))
    if (node.connection === null || old.length === 0) return false
    node.connection.say({ kind: 'report', statuses: [rng.pick(old)] })
    return true
  },
  'old assignment': ({ nodes }, rng) => {
    const { connection, heard } = rng.pick(nodes)
    if (connection === null || heard.length === 0) return false
    connection.repeat(rng.pick(heard))
    return true
  },
  partition: ({ nodes }, rng) => {
    rng.pick(nodes).partition(2_000 + rng.below(20_000))
    return true
  },
}

function strikeEngine({ nodes }: ChaosDeps, rng: Rng, strike: (engine: SimEngine) => void): boolean {
  const { engines } = rng.pick(nodes)
  const engine = rng.chance(0.7) ? engines.docker : engines.process
  // Processes have no engine that restarts: they go on.
  if (!engine.isUp) return false
  strike(engine)
  return true
}

function strikeContainer(
  { nodes }: ChaosDeps,
  rng: Rng,
  strike: (engine: SimEngine, container: SimContainer) => boolean,
): boolean {
  const { engines } = rng.pick(nodes)
  const engine = rng.chance(0.6) ? engines.docker : engines.process
  const containers = engine.all(CLUSTER_ID)
  return containers.length > 0 && strike(engine, rng.pick(containers))
}

/** Whether the task is further than that by now. */
function isPast(status: TaskStatus, task: Task | undefined): boolean {
  return task !== undefined && TASK_STATES.indexOf(task.status.state) > TASK_STATES.indexOf(status.state)
}

function breakConnection(node: SimNode, noticedWithinMs: number): boolean {
  if (node.connection === null) return false
  node.connection.break(noticedWithinMs)
  return true
}

/** A running container that is none of our business, although it looks like ours. */
export function placeStranger(engine: SimEngine, port: number | null): SimContainer {
  const stranger = engine.create(
    {
      taskId: 'web.1.1',
      service: 'web',
      slot: 1,
      attempt: 1,
      specHash: 'foreign',
      spec: aContainer(),
      hostPorts: port === null ? [] : [{ container: 80, host: port, protocol: 'tcp' }],
      memoryBytes: null,
    },
    'another cluster',
  )
  const holder = [...engine.machine.containers.values()].some(
    (one) => one.state === 'running' && one.order.hostPorts.some(({ host }) => host === port),
  )
  if (!holder) engine.start(stranger)
  return stranger
}
