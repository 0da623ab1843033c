import type { TaskId } from '../model/ids.ts'
import type { Availability, Node, NodeStatus } from '../model/node.ts'
import type { RuntimeKind } from '../model/service.ts'
import { cell } from './column.ts'
import type { Fleet, Holder } from './fleet.ts'
import { POOL_SIZE } from './host-ports.ts'
import type { Need } from './need.ts'

/** What a filter judges: may this task run on that node? */
export interface Question {
  readonly fleet: Fleet
  readonly at: number
  readonly node: Node
  readonly need: Need
  /** The roles the service asks for, if this node has none of them; empty: the role fits. */
  readonly missingPlacements: readonly string[]
  /** The predecessor that stops before the task starts, so that its share counts as free; null: none. */
  readonly instead: Holder | null
}

/** Why a node cannot take a task. Equal reasons are counted over the nodes; `by` is named while there is room. */
export interface Refusal {
  readonly reason: string
  readonly by: string | null
}

export interface Filter {
  readonly refuse: (question: Question) => Refusal | null
  /** What would have to be true of the node for this filter to let the task pass: `node 1 were active`. */
  readonly remedy: (question: Question) => string
}

/** Whether a node can take a task: the same answer as asking every filter, fast enough to ask it for every node. */
export function fits(fleet: Fleet, at: number, need: Need, instead: Holder | null): boolean {
  if ((cell(fleet.runtimes, at) & need.runtimeBit) === 0) return false
  const credit = instead === null ? NOTHING : instead.resources
  return (
    (need.memoryBytes === 0 || need.memoryBytes <= cell(fleet.freeMemoryBytes, at) + credit.memoryBytes) &&
    (need.cpuMillis === 0 || need.cpuMillis <= cell(fleet.freeCpuMillis, at) + credit.cpuMillis) &&
    (need.diskBytes === 0 || need.diskBytes <= cell(fleet.freeDiskBytes, at) + credit.diskBytes) &&
    (need.poolPorts === 0 || need.poolPorts <= POOL_SIZE - cell(fleet.poolPortsUsed, at)) &&
    (need.fixedPorts.length === 0 || takenPort(at, need, instead) === null)
  )
}

const NOTHING = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 }

/** Cheapest and most common refusals first: the first reason wins, and is what the user reads. */
export const FILTERS: readonly Filter[] = [
  {
    refuse: ({ missingPlacements }) =>
      missingPlacements.length === 0 ? null : because(`needs placement ${missingPlacements.join(' or ')}`),
    remedy: ({ node, missingPlacements }) => `node ${node.id} were in placement ${missingPlacements.join(' or ')}`,
  },
  {
    refuse: ({ node }) => (node.status === 'ready' ? null : because(STATUS_WORDS[node.status])),
    remedy: ({ node }) => `node ${node.id} were ready`,
  },
  {
    refuse: ({ node }) => (node.availability === 'active' ? null : because(AVAILABILITY_WORDS[node.availability])),
    remedy: ({ node }) => `node ${node.id} were active`,
  },
  {
    refuse: ({ node, need: { runtime } }) =>
      node.runtimes.some(({ kind, available }) => kind === runtime && available)
        ? null
        : because(runtimeWords(node, runtime)),
    remedy: ({ node, need }) => `node ${node.id} ran ${RUNTIME_WORDS[need.runtime].what}`,
  },
  resource('memory', 'memoryBytes', (bytes) => `${Math.ceil(bytes / 1_048_576)} MB`),
  resource('CPU', 'cpuMillis', (millis) => `${millis} millicores`),
  resource('disk', 'diskBytes', (bytes) => `${Math.ceil(bytes / 1_048_576)} MB`),
  {
    refuse: ({ fleet, at, need }) =>
      need.poolPorts <= POOL_SIZE - cell(fleet.poolPortsUsed, at)
        ? null
        : because('no free host port is left to choose'),
    remedy: ({ node }) => `node ${node.id} had more free host ports`,
  },
  {
    refuse: ({ at, need, instead }) => portRefusal(takenPort(at, need, instead)),
    remedy: ({ at, node, need, instead }) => freePort(node, takenPort(at, need, instead)),
  },
]

const STATUS_WORDS: Record<Exclude<NodeStatus, 'ready'>, string> = {
  draining: 'draining',
  unreachable: 'unreachable',
  removed: 'removed',
}

const AVAILABILITY_WORDS: Record<Exclude<Availability, 'active'>, string> = { pause: 'paused', drain: 'drained' }

const RUNTIME_WORDS: Record<RuntimeKind, { readonly what: string; readonly mute: string }> = {
  docker: { what: 'containers', mute: 'Docker Engine does not answer' },
  process: { what: 'processes', mute: 'the process runtime does not work' },
}

/** Why tasks of that kind cannot run on the node, in words. */
export function runtimeWords(node: Node, kind: RuntimeKind): string {
  const runtime = node.runtimes.find((one) => one.kind === kind)
  if (runtime === undefined) return `runs no ${RUNTIME_WORDS[kind].what}`
  const { mute } = RUNTIME_WORDS[kind]
  return runtime.message === '' ? mute : `${mute}: ${runtime.message}`
}

function because(reason: string): Refusal {
  return { reason, by: null }
}

const FREE = { memoryBytes: 'freeMemoryBytes', cpuMillis: 'freeCpuMillis', diskBytes: 'freeDiskBytes' } as const

function resource(what: string, of: keyof typeof FREE, print: (amount: number) => string): Filter {
  const shortBy = ({ fleet, at, need, instead }: Question): number =>
    need[of] === 0 ? 0 : Math.max(0, need[of] - cell(fleet[FREE[of]], at) - (instead?.resources[of] ?? 0))
  return {
    refuse: (question) => (shortBy(question) === 0 ? null : because(`not enough ${what}`)),
    remedy: (question) => `node ${question.node.id} had ${print(shortBy(question))} more ${what}`,
  }
}

interface TakenPort {
  readonly port: number
  /** null: the service itself asks for it twice. */
  readonly by: TaskId | null
}

function takenPort(at: number, need: Need, instead: Holder | null): TakenPort | null {
  for (const { port, holders, repeated } of need.fixedPorts) {
    if (repeated) return { port, by: null }
    const holder = holders.size === 0 ? undefined : holders.get(at)
    if (holder !== undefined && holder !== instead?.task) return { port, by: holder }
  }
  return null
}

function portRefusal(taken: TakenPort | null): Refusal | null {
  if (taken === null) return null
  if (taken.by !== null) return { reason: `host port ${taken.port} is taken`, by: taken.by }
  return because(`host port ${taken.port} is asked for twice by the service itself`)
}

function freePort(node: Node, taken: TakenPort | null): string {
  const port = `host port ${taken?.port}`
  return taken?.by === null ? `the service asked for ${port} once` : `on node ${node.id} ${port} were free`
}
