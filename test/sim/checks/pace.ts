import { isTerminal, type Task } from '../../../src/core/model/task.ts'
import { retryDelayMs } from '../../../src/lib/backoff.ts'
import type { ContainerOrder } from '../../../src/ports/runtime.ts'
import type { Check, CheckContext } from '../checks.ts'
import type { SimContainer } from '../container.ts'
import { CLUSTER_ID } from '../node.ts'
import type { Shadow } from '../shadow.ts'

const WINDOW_MS = 30_000
/** The pauses 0, 1, 2, 4, 8, 16 s allow six tries in the window; lost answers add some. */
const CALLS_IN_WINDOW = 16

/** Nothing is tried over and over: calls that make or start a task's container are few in any half minute. */
export function noHotLoops({ broken, now }: CheckContext): Check {
  const calls = new Map<string, number[]>()
  let commits: number[] = []
  return {
    onFact: (fact) => {
      if (fact.kind === 'commit') {
        commits.push(now())
        if (commits.length < 2_000) return
        if (now() - (commits[0] ?? 0) < WINDOW_MS) broken('2000 commits in half a minute')
        commits = commits.slice(1_000)
      }
      if (fact.kind !== 'call' || fact.call === 'stop' || fact.call === 'remove') return
      const { taskId } = fact.container.order
      const recent = (calls.get(taskId) ?? []).filter((at) => now() - at < WINDOW_MS)
      recent.push(now())
      calls.set(taskId, recent)
      if (recent.length > CALLS_IN_WINDOW) broken(`${recent.length} calls for ${taskId} in half a minute`)
    },
  }
}

interface Slot {
  specHash: string
  /** Ends of its own in a row. */
  failures: number
  endedAt: number
  /** A user ended the last attempt, so the next one need not wait. */
  excused: boolean
}

/**
 * Pauses between the tries of a slot grow with its failures, across attempts too. An agent that dies may forget the
 * failure it has just seen, so each death takes one off.
 */
export function retriesBackOff({ shadow, broken, now, isGivenUp }: CheckContext): Check {
  const slots = new Map<string, Slot>()
  /** A task that is made because another has to leave its node runs beside that one, and fails for itself. */
  const lines = new Map<string, string>()
  /** Tasks with a call to start that may still be under way. */
  const unanswered = new Set<string>()
  /** What is leased, runs, and was asked to stop. */
  const asked = new Set<SimContainer>()
  return {
    onCommit: (written) => {
      for (const { key, before, after } of written) {
        if (!key.startsWith('task/')) continue
        if (before === null && after !== null) lines.set((after as Task).id, lineOf(after as Task, lines, shadow))
        forgive(before as Task | null, after as Task | null, slots, lines, shadow)
      }
    },
    onFact: (fact) => {
      if (fact.kind === 'start-unanswered') unanswered.add(fact.taskId)
      if (fact.kind === 'agent-died') {
        for (const slot of slots.values()) slot.failures -= 1
        const id = shadow.nodeNamed(fact.node)?.id
        for (const task of shadow.alive()) if (task.node === id) unanswered.add(task.id)
      }
      if (fact.kind === 'call' && fact.call === 'stop') unlease(fact.container)
      if (fact.kind === 'started') asked.delete(fact.container)
      if ((fact.kind !== 'started' && fact.kind !== 'ended') || fact.container.cluster !== CLUSTER_ID) return
      // It does not know that its slot has gone on elsewhere.
      if (isGivenUp(fact.node)) return
      const { order } = fact.container
      // What was given up with its node goes on there for itself, until the node has heard of it.
      const task = shadow.tasks.get(order.taskId)
      if (task === undefined || task.status.state === 'lost') return
      const slot = slotOf(order, slots, lines)
      if (fact.kind === 'ended') {
        if (fact.cause !== 'program' || task.desired !== 'running' || asked.delete(fact.container)) return
        slot.excused = false
        slot.failures += 1
        slot.endedAt = now()
        return
      }
      const pause = retryDelayMs(slot.failures)
      if (slot.excused || slot.failures <= 1 || now() - slot.endedAt >= pause) return
      // The first of two calls may only now have been carried out, and the second right after it.
      if (unanswered.delete(order.taskId)) return
      broken(`${order.taskId} started ${now() - slot.endedAt} ms after failure ${slot.failures}, not ${pause} ms`)
    },
  }

  /** What its agent stops for want of a lease has not failed for it, even if it ended by itself a moment before, unseen. */
  function unlease(container: SimContainer): void {
    const task = shadow.tasks.get(container.order.taskId)
    if (task === undefined || task.spec.leaseMs === null || container.cluster !== CLUSTER_ID) return
    if (container.state === 'running') return void asked.add(container)
    const slot = slotOf(container.order, slots, lines)
    slot.failures -= 1
    slot.excused = true
  }
}

function lineOf({ id, service, slot, attempt }: Task, lines: ReadonlyMap<string, string>, shadow: Shadow): string {
  const inSlot = shadow.of(service).filter((task) => task.slot === slot)
  if (inSlot.some((task) => task.id !== id && !isTerminal(task.status.state) && shadow.mustLeave(task))) return id
  const previous = inSlot.find((task) => task.attempt === attempt - 1)
  return (previous === undefined ? undefined : lines.get(previous.id)) ?? `${service}.${slot}`
}

/** Another spec begins with a clean record. */
function slotOf(
  { taskId, service, slot, specHash }: ContainerOrder,
  slots: Map<string, Slot>,
  lines: ReadonlyMap<string, string>,
): Slot {
  const place = lines.get(taskId) ?? `${service}.${slot}`
  const known = slots.get(place)
  if (known?.specHash === specHash) return known
  const fresh = { specHash, failures: 0, endedAt: 0, excused: false }
  slots.set(place, fresh)
  return fresh
}

/** What a user or a change of the spec does to the record of a slot. */
function forgive(
  before: Task | null,
  after: Task | null,
  slots: Map<string, Slot>,
  lines: ReadonlyMap<string, string>,
  shadow: Shadow,
): void {
  const task = before ?? after
  const place = lines.get(task?.id ?? '') ?? `${task?.service}.${task?.slot}`
  const known = slots.get(place)
  if (task === null || known === undefined) return
  const inSlot = shadow.of(task.service).filter(({ slot }) => slot === task.slot)
  if (before === null) {
    const previous = inSlot.find(({ attempt }) => attempt === task.attempt - 1)
    if (previous?.specHash !== task.specHash) slots.delete(place)
    // Where nothing is tried again by itself, somebody has asked for it.
    // What is lost is made anew at once.
    else if (previous.status.state === 'lost') known.excused = true
    else if (previous.spec.restart === 'no' || previous.spec.mode === 'job') known.excused = true
  } else if (after === null) {
    if (inSlot.length === 0) slots.delete(place)
  } else if (after.status.state === 'lost') {
    // What its agent saw fail meanwhile it could not tell.
    known.excused = true
    known.failures = 0
  } else if (before.desired !== 'stopped' && after.desired === 'stopped') {
    known.excused = true
    // Its agent may not have seen the last end as a failure, but as what it was asked for.
    known.failures -= 1
  }
}
