import type { Task } from '../../../src/core/model/task.ts'
import type { Check, CheckContext } from '../checks.ts'
import type { SimContainer } from '../container.ts'
import { CLUSTER_ID } from '../node.ts'

/** Promise 5: the name of a task is given once, for one spec and one node, even after the task is forgotten. */
export function namesAreNeverReused({ broken }: CheckContext): Check {
  const tasks = new Set<string>()
  const containers = new Map<string, string>()
  return {
    onCommit: (written) => {
      for (const { key, before, after } of written) {
        if (!key.startsWith('task/') || before !== null || after === null) continue
        if (tasks.has(key)) broken(`${key} is the name of an earlier task`)
        tasks.add(key)
      }
    },
    onFact: (fact) => {
      if (fact.kind !== 'created' || fact.container.cluster !== CLUSTER_ID) return
      const { taskId, specHash } = fact.container.order
      const made = `${specHash} on ${fact.node}`
      const before = containers.get(taskId)
      if (before !== undefined && before !== made) broken(`${taskId} was made of ${before}, and again of ${made}`)
      containers.set(taskId, made)
    },
  }
}

/** Promise 5: what is not of our cluster is never touched. */
export function strangersAreLeftAlone({ broken }: CheckContext): Check {
  return {
    onFact: (fact) => {
      const touched =
        fact.kind === 'call' || fact.kind === 'removed' || (fact.kind === 'ended' && fact.cause !== 'program')
      if (!touched || fact.container.cluster === CLUSTER_ID) return
      if (fact.kind === 'ended' && fact.cause === 'fault') return
      broken(`${fact.container.id} of cluster ${fact.container.cluster} was touched`)
    },
  }
}

/** Promise 6: where two at once would do harm, there is never more than one, wherever it runs. */
export function atMostOne({ broken, isGivenUp }: CheckContext): Check {
  const running = new Map<string, Set<SimContainer>>()
  /** Tasks that were once allowed to start beside their predecessor, however their spec has changed since. */
  const startedBeside = new Set<string>()
  /** Tasks that were given up with their node: they may go on there until it is back. */
  const lost = new Set<string>()
  const placeOf = ({ order }: SimContainer): string => `${order.service}.${order.slot}`
  return {
    onCommit: (written) => {
      for (const { key, after } of written) {
        if (!key.startsWith('task/') || after === null) continue
        const { id, spec, status, because } = after as Task
        // One whose lease has run out has ended: it counts for as long as it runs.
        if (status.state === 'lost' && !because.startsWith('the lease of its node')) lost.add(id)
        if (spec.update.order === 'start-first' && !spec.exclusive) startedBeside.add(id)
      }
    },
    onFact: (fact) => {
      if (fact.kind !== 'started' && fact.kind !== 'ended') return
      const { container } = fact
      // A machine that a person gave up and that comes back runs what it had until it hears of it.
      if (container.cluster !== CLUSTER_ID || isGivenUp(fact.node)) return
      const there = running.get(placeOf(container)) ?? new Set()
      running.set(placeOf(container), there)
      if (fact.kind === 'ended') {
        there.delete(container)
        return
      }
      there.add(container)
      const counted = [...there].filter(({ order }) => !lost.has(order.taskId))
      const [first = container] = counted
      const newest = counted.reduce((best, one) => (one.order.attempt > best.order.attempt ? one : best), first)
      const most = startedBeside.has(newest.order.taskId) ? 2 : 1
      if (counted.length <= most) return
      const ids = counted.map(({ order }) => order.taskId).join(', ')
      broken(`${ids} run at once, at most ${most} may`)
    },
  }
}
