import type { Task } from '../../../src/core/model/task.ts'
import { retryDelayMs } from '../../../src/lib/backoff.ts'
import type { Check, CheckContext } from '../checks.ts'
import { CLUSTER_ID } from '../node.ts'

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
export function retriesBackOff({ shadow, broken, now }: CheckContext): Check {
  const slots = new Map<string, Slot>()
  return {
    onCommit: (written) => {
      for (const { key, before, after } of written) {
        if (!key.startsWith('task/')) continue
        const { service, slot, attempt, specHash } = (before ?? after) as Task
        const place = `${service}.${slot}`
        const known = slots.get(place)
        if (known === undefined) continue
        const wasWanted = before !== null && (before as Task).desired !== 'stopped'
        if (before === null) {
          const previous = shadow.of(service).find((task) => task.slot === slot && task.attempt === attempt - 1)
          if (previous?.specHash !== specHash) slots.delete(place)
          // Where nothing is tried again by itself, somebody has asked for it.
          else if (previous.spec.restart === 'no' || previous.spec.mode === 'job') known.excused = true
        } else if (after !== null && wasWanted && (after as Task).desired === 'stopped') {
          known.excused = true
          // Its agent may not have seen the last end as a failure, but as what it was asked for.
          known.failures -= 1
        } else if (after === null && !shadow.of(service).some((task) => task.slot === slot)) slots.delete(place)
      }
    },
    onFact: (fact) => {
      if (fact.kind === 'agent-died') for (const slot of slots.values()) slot.failures -= 1
      if (fact.kind !== 'started' && fact.kind !== 'ended') return
      const { order, cluster } = fact.container
      if (cluster !== CLUSTER_ID) return
      const place = `${order.service}.${order.slot}`
      const known = slots.get(place)
      const slot =
        known?.specHash === order.specHash
          ? known
          : { specHash: order.specHash, failures: 0, endedAt: 0, excused: false }
      slots.set(place, slot)
      if (fact.kind === 'ended') {
        if (fact.cause !== 'program' || shadow.tasks.get(order.taskId)?.desired !== 'running') return
        slot.excused = false
        slot.failures += 1
        slot.endedAt = now()
        return
      }
      const pause = retryDelayMs(slot.failures)
      if (slot.excused || slot.failures <= 1 || now() - slot.endedAt >= pause) return
      broken(`${order.taskId} started ${now() - slot.endedAt} ms after failure ${slot.failures}, not ${pause} ms`)
    },
  }
}
