import type { Node } from '../../../src/core/model/node.ts'
import { isTerminal, type Task } from '../../../src/core/model/task.ts'
import { matchesPlacement } from '../../../src/core/service/slots.ts'
import type { Check, CheckContext } from '../checks.ts'

/** What a user closed stays closed: no task gets a node that drains or pauses, or that is not in the cluster. */
export function closedNodesStayClosed({ shadow, broken }: CheckContext): Check {
  return {
    onCommit: (written) => {
      for (const { key, before, after } of written) {
        if (after === null || before === after) continue
        if (key.startsWith('task/')) {
          const { id, node } = after as Task
          if (node === null || node === ((before as Task | null)?.node ?? null)) continue
          const there = shadow.nodes.get(node)
          if (there === undefined) broken(`${id} went to node ${node}, which is not in the cluster`)
          else if (!matchesPlacement((after as Task).spec, there))
            broken(`${id} went to node ${node}, whose placement is ${there.placement}`)
          else if (there.availability !== 'active')
            broken(`${id} went to node ${node}, which is to ${there.availability}`)
        }
        if (!key.startsWith('node/')) continue
        const { id, status, availability } = after as Node
        if (status !== 'ready' || availability !== 'drain') continue
        const left = shadow.alive().find((task) => task.node === id && !isTerminal(task.status.state))
        if (left !== undefined) broken(`node ${id} is called drained, but ${left.id} is on it`)
      }
    },
  }
}
