import type { NodeId, Slot } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { isHeldWhereItWas } from '../schedule/need.ts'
import { comesBack, comesWithApply, endedAs } from './restart.ts'
import { emptySlot, lastAttempt, type SlotTasks, sortSlots, wantedSlots } from './slots.ts'

/** What keeps a slot from being served by a ready task of the newest spec, in a sentence. */
export interface Hindrance {
  readonly slot: Slot
  /** From 0, the worst, upwards. */
  readonly rank: number
  readonly message: string
}

/** What hinders a service now, the worst first; empty when all is as wanted. */
export function hindrancesOf(
  spec: ServiceSpec,
  specHash: string,
  tasks: readonly Task[],
  nodes: readonly Node[],
): readonly Hindrance[] {
  const slots = sortSlots(tasks, specHash)
  const away = unreachableNodes(nodes)
  return wantedSlots(spec, nodes)
    .flatMap((slot) => hindranceIn(slots.get(slot) ?? emptySlot(slot), spec, specHash, away) ?? [])
    .sort((a, b) => a.rank - b.rank || a.slot - b.slot)
}

const ENDED = 0
const REFUSED = 1
const UNREADY = 2
const ON_ITS_WAY = 3
const OUTDATED = 4

/** Nodes of which nothing is known now, whatever their tasks were last. */
export function unreachableNodes(nodes: readonly Node[]): ReadonlySet<NodeId> {
  return new Set(nodes.filter(({ status }) => status === 'unreachable').map(({ id }) => id))
}

function hindranceIn(
  inSlot: SlotTasks,
  spec: ServiceSpec,
  specHash: string,
  away: ReadonlySet<NodeId>,
): Hindrance | null {
  const { slot, current, outdated, stopping, ended } = inSlot
  const hindrance = (rank: number, message: string): Hindrance => ({ slot, rank, message })
  const [fresh] = current
  if (fresh !== undefined && fresh.node !== null && away.has(fresh.node)) {
    const held = isHeldWhereItWas(spec) ? ', and may run nowhere else while it may run there' : ''
    return hindrance(UNREADY, `${fresh.id} is on node ${fresh.node}, which is unreachable${held}`)
  }
  if (fresh !== undefined && !fresh.status.ready) return { slot, ...unready(fresh) }
  const [old] = outdated
  if (old !== undefined) {
    const failed = lastAttempt(inSlot, specHash)
    if (fresh !== undefined || failed === null) return hindrance(OUTDATED, `${old.id} is still of another spec`)
    return hindrance(ENDED, `${failed.id} ${endedAs(failed)}; ${old.id} goes on, ${whatNext(spec, failed)}`)
  }
  if (fresh !== undefined) return null

  const [leaving] = stopping
  if (leaving !== undefined) {
    const { id, node } = leaving
    if (node === null || !away.has(node)) return hindrance(ON_ITS_WAY, `${id} is stopping`)
    return hindrance(UNREADY, `${id} is to stop, and node ${node} is unreachable: it may still run there`)
  }
  const last = ended[0]
  if (last === undefined || last.specHash !== specHash) return hindrance(ON_ITS_WAY, `slot ${slot} has no task yet`)
  if (spec.mode === 'job' && last.status.state === 'completed') return null
  return hindrance(ENDED, `${last.id} ${endedAs(last)}; ${whatNext(spec, last)}`)
}

function unready({ id, refusal, desired, because, status }: Task): Pick<Hindrance, 'rank' | 'message'> {
  if (refusal !== null) return { rank: REFUSED, message: `${id} has no node: ${refusal}` }
  const held = desired === 'prepared' ? because : ''
  const why = status.message === '' && held === '' ? '' : `: ${status.message || held}`
  if (status.state !== 'running') return { rank: ON_ITS_WAY, message: `${id} is ${status.state}${why}` }
  const restarted = status.restarts === 0 ? '' : ` after ${restarts(status.restarts)} in place`
  return { rank: UNREADY, message: `${id} is running, but not ready${restarted}${why}` }
}

function whatNext(spec: ServiceSpec, last: Task): string {
  if (comesBack(spec, last)) return 'the next attempt follows'
  if (comesWithApply(spec, last)) return 'it stays so until the next apply'
  return 'it stays so until its spec changes or it is restarted'
}

function restarts(count: number): string {
  return count === 1 ? '1 restart' : `${count} restarts`
}
