import type { Leadership } from '../../../src/core/model/cluster.ts'
import type { Epoch, Millis } from '../../../src/core/model/ids.ts'
import type { Renewed } from '../../../src/core/model/message.ts'
import type { Task } from '../../../src/core/model/task.ts'
import type { Check, CheckContext } from '../checks.ts'
import type { SimContainer } from '../container.ts'
import { CLUSTER_ID } from '../node.ts'

/** The watchdog looks every second. */
const WATCHDOG_MS: Millis = 1_000

/**
 * Promise 6: the time of a leased task counts from when its agent asked, and only where a leader has answered that. Neither
 * is the watchdog told a later end, nor does the task run past it, nor is it given up before.
 */
export function leasesEnd({ broken, now, shadow }: CheckContext): Check {
  const leaseMs = new Map<string, Millis>()
  /** When the agent of a node asked in that round. */
  const askedAt = new Map<string, Millis>()
  /** By node and task, until when it may run. */
  const until = new Map<string, Millis>()
  const running = new Map<SimContainer, string>()

  function extend(node: string, { round, tasks }: Renewed): void {
    const asked = askedAt.get(`${node} ${round}`) ?? 0
    for (const id of tasks) {
      const place = `${node} ${id}`
      until.set(place, Math.max(until.get(place) ?? 0, asked + (leaseMs.get(id) ?? 0)))
    }
  }

  function look(container: SimContainer, node: string): void {
    const { taskId } = container.order
    if (!leaseMs.has(taskId)) return
    const end = Math.max(until.get(`${node} ${taskId}`) ?? 0, container.startedAt ?? 0)
    if (now() > end + WATCHDOG_MS) broken(`${taskId} ran on ${node} for ${now() - end} ms without a lease`)
  }

  function lookAtGivenUp({ id, node, status, because }: Task): void {
    if (status.state !== 'lost' || !because.startsWith('the lease of its node')) return
    const end = until.get(`${shadow.nodes.get(node ?? 0)?.hostname} ${id}`) ?? 0
    if (end > now()) broken(`${id} was given up although its lease goes on for ${end - now()} ms`)
  }

  return {
    onCommit: (written) => {
      for (const { key, after } of written) {
        if (!key.startsWith('task/') || after === null) continue
        const task = after as Task
        if (task.spec.leaseMs !== null) leaseMs.set(task.id, task.spec.leaseMs)
        lookAtGivenUp(task)
      }
      for (const [container, node] of running) look(container, node)
    },
    onFact: (fact) => {
      if (fact.kind === 'renewal-asked') askedAt.set(`${fact.node} ${fact.round}`, now())
      else if (fact.kind === 'to-agent' && fact.message.kind === 'renewed') {
        extend(fact.node, fact.message)
        for (const id of fact.message.tasks) {
          const task = shadow.tasks.get(id)
          if (task !== undefined) lookAtGivenUp(task)
        }
      } else if (fact.kind === 'armed') {
        const { taskId } = fact.container.order
        const late = fact.at - (until.get(`${fact.node} ${taskId}`) ?? 0)
        if (late > 0) broken(`the watchdog of ${fact.node} lets ${taskId} run for ${late} ms too long`)
      } else if (fact.kind === 'started' && fact.container.cluster === CLUSTER_ID) {
        running.set(fact.container, fact.node)
      } else if (fact.kind === 'ended' && running.delete(fact.container)) look(fact.container, fact.node)
    },
  }
}

/** Promise 6: nobody renews a lease who was no longer the leader when he was asked. */
export function renewalsAreProved({ broken, now }: CheckContext): Check {
  const askedAt = new Map<string, Millis>()
  let leader = ''
  let reign: Epoch = 0
  /** Servers that led, and since when another one does. */
  const replacedAt = new Map<string, Millis>()
  return {
    onCommit: (written, { author }) => {
      const leadership = written.find(({ key }) => key === 'leadership/self')?.after
      // Somebody else who writes it as it is replaces nobody.
      if (
        leadership === undefined ||
        leadership === null ||
        (leadership as Leadership).epoch === reign ||
        author === leader
      )
        return
      reign = (leadership as Leadership).epoch
      replacedAt.set(leader, now())
      replacedAt.delete(author)
      leader = author
    },
    onFact: (fact) => {
      if (fact.kind === 'renewal-asked') askedAt.set(`${fact.node} ${fact.round}`, now())
      if (fact.kind !== 'to-agent' || fact.message.kind !== 'renewed') return
      const late = (askedAt.get(`${fact.node} ${fact.message.round}`) ?? 0) - (replacedAt.get(fact.server) ?? Infinity)
      if (late > 0) broken(`${fact.server} renewed leases of ${fact.node} ${late} ms after it was replaced`)
    },
  }
}
