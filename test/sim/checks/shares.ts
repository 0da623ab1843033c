import type { Task } from '../../../src/core/model/task.ts'
import { groupBy } from '../../../src/lib/collections.ts'
import type { Check, CheckContext } from '../checks.ts'
import type { SimContainer } from '../container.ts'
import { CLUSTER_ID } from '../node.ts'

/**
 * Promise 8: a host port of a node belongs to one task at a time, and what is set aside on a node is there. Only a task
 * that waits until its predecessor in the slot has stopped may count on what that one holds.
 */
export function nothingIsGivenTwice({ shadow, broken }: CheckContext): Check {
  return {
    onFact: (fact) => {
      if (fact.kind !== 'port-clash') return
      const { container, holder } = fact
      // Engines that clash with the rest of the machine are a fault of the world, not ours.
      if (holder.cluster !== CLUSTER_ID || container.cluster !== CLUSTER_ID) return
      // What was given up with its node goes on there until the node has heard of it.
      const isLost = ({ order }: SimContainer): boolean => shadow.tasks.get(order.taskId)?.status.state === 'lost'
      if (isLost(holder) || isLost(container)) return
      broken(`${container.order.taskId} and ${holder.order.taskId} want the same host port of ${fact.node}`)
    },
    onCommit: (written) => {
      const placed = written.filter(({ key, before, after }) => {
        if (!key.startsWith('task/') || after === null) return false
        return (after as Task).node !== ((before as Task | null)?.node ?? null)
      })
      if (placed.length === 0) return
      const onNode = groupBy(shadow.alive(), (task) => task.node)
      for (const { after } of placed) {
        const { node, id } = after as Task
        const wrong = objection(onNode.get(node) ?? [], shadow.nodes.get(node ?? 0)?.capacity.cpuMillis ?? 0)
        if (wrong !== null) broken(`${id} went to node ${node}, but ${wrong}`)
      }
    },
  }
}

function objection(tasks: readonly Task[], cpuMillis: number): string | null {
  const holders = new Map<string, Task>()
  let used = 0
  for (const inSlot of groupBy(tasks, ({ service, slot }) => `${service}.${slot}`).values()) {
    const shares = inSlot.some(({ spec }) => spec.update.order === 'stop-first' || spec.exclusive)
    const cpu = inSlot.map(({ spec }) => spec.resources.cpuMillis)
    used += shares ? Math.max(...cpu) : cpu.reduce((sum, one) => sum + one, 0)
    for (const task of inSlot) {
      for (const { host, protocol } of task.hostPorts) {
        const holder = holders.get(`${host}/${protocol}`)
        holders.set(`${host}/${protocol}`, task)
        if (holder === undefined || (shares && holder.service === task.service && holder.slot === task.slot)) continue
        return `host port ${host} is held by ${holder.id} and ${task.id}`
      }
    }
  }
  return used <= cpuMillis ? null : `${used} of ${cpuMillis} millicores are set aside there`
}
