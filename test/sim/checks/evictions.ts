import type { Leadership } from '../../../src/core/model/cluster.ts'
import { isAlive, type Task } from '../../../src/core/model/task.ts'
import { VIGILANCES } from '../../../src/core/node/vigilance.ts'
import { isHeldWhereItWas } from '../../../src/core/schedule/need.ts'
import type { Check, CheckContext } from '../checks.ts'
import type { Fact } from '../facts.ts'
import type { Written } from '../shadow.ts'

/** Between the last probe that was not answered and the commit that follows from it: a slow one, and its queue. */
const DECIDED_WITHIN_MS = 5_000
/** With fewer nodes one that is lost is always a large part of them. */
const FEWEST_TO_HOLD = 4

interface Eviction {
  readonly task: Task
  readonly machineIsSilent: boolean
}

/** The tasks that a leader by itself gave up with their node, and why. */
function evictionsIn(written: readonly Written[], { commit }: Fact & { kind: 'commit' }): Eviction[] {
  return written.flatMap(({ key, before, after }) => {
    if (!key.startsWith('task/') || before === null || after === null) return []
    const [old, task] = [before as Task, after as Task]
    if (old.status.state === 'lost' || task.status.state !== 'lost') return []
    const told = commit.events.find(({ object }) => object === key)
    if (told?.by !== 'control' || !told.message.includes('unreachable')) return []
    return [{ task, machineIsSilent: told.message.includes('does not answer') }]
  })
}

/**
 * Promise 6: a leader gives a node up only for what is so: nobody whom it asks hears the machine, or its agent is away. A
 * new leader waits for the agents first.
 */
export function evictionsRestOnTruth({ shadow, broken, now, net }: CheckContext): Check {
  let electedAt = 0
  return {
    onCommit: (written, fact) => {
      const election = written.find(({ key }) => key === 'leadership/self')
      const [was, is] = [election?.before as Leadership | undefined, election?.after as Leadership | undefined]
      if (is !== undefined && is.epoch !== was?.epoch) electedAt = now()
      for (const { task, machineIsSilent } of evictionsIn(written, fact)) {
        const node = shadow.nodes.get(task.node ?? 0)?.hostname ?? ''
        const reigned = now() - electedAt
        const { silentForMs, agentGoneForMs } = VIGILANCES.fast.patience
        if (reigned < (machineIsSilent ? silentForMs : agentGoneForMs))
          broken(`${task.id} was given up ${reigned} ms after ${fact.author} was elected`)
        if (machineIsSilent && net.isHeardFor(fact.author, node, silentForMs + DECIDED_WITHIN_MS))
          broken(`${task.id} was given up for the silence of ${node}, which answers`)
        if (net.isConnectedFor(fact.author, node, DECIDED_WITHIN_MS))
          broken(`${task.id} was given up with ${node}, whose agent is connected`)
      }
    },
  }
}

/**
 * Promise 6: when half the nodes or more are silent together, from four up, nothing is moved. Nodes that were lost before, one
 * by one, do not count: they have nothing left that could be moved.
 */
export function halfIsNeverEvicted({ shadow, broken, net }: CheckContext): Check {
  return {
    onCommit: (written, fact) => {
      const evictions = evictionsIn(written, fact)
      if (evictions.length === 0) return
      const emptied = new Set(evictions.map(({ task }) => task.node))
      const all = [...shadow.nodes.values()]
      // One that is back, or whose machine answers this leader, may still be called unreachable.
      const isBack = (name: string): boolean =>
        net.isTakenForConnected(fact.author, name) || net.isHeardFor(fact.author, name, 1)
      const silent = all.filter(({ status, hostname }) => status === 'unreachable' && !isBack(hostname))
      const together = silent.filter(({ id }) => emptied.has(id) || hasMovable(id)).length
      const there = all.length - (silent.length - together)
      if (there >= FEWEST_TO_HOLD && together * 2 >= there)
        broken(`tasks were given up while ${together} of ${there} nodes are silent at once`)
    },
  }

  function hasMovable(node: number): boolean {
    return [...shadow.tasks.values()].some(
      (task) => task.node === node && isAlive(task) && !isHeldWhereItWas(task.spec),
    )
  }
}

/** So long a node whose agent is connected may still be called unreachable, while its leader writes other things. */
const NOTED_WITHIN_MS = 10_000
const WRITES_MEANWHILE = 5

/** A node that is back is called so. */
export function returnsAreNoted({ shadow, broken, now, net }: CheckContext): Check {
  /** Since when a node is connected and called unreachable, and how often its leader has written since. */
  const since = new Map<number, { readonly at: number; readonly author: string; writes: number }>()
  return {
    onCommit: (_, { author }) => {
      for (const { id, status, hostname } of shadow.nodes.values()) {
        const known = since.get(id)
        if (status !== 'unreachable' || !net.isConnectedFor(author, hostname, 1)) since.delete(id)
        else if (known === undefined || known.author !== author) since.set(id, { at: now(), author, writes: 0 })
        else {
          known.writes += 1
          if (now() - known.at > NOTED_WITHIN_MS && known.writes > WRITES_MEANWHILE)
            broken(`node ${id} is called unreachable although its agent has been connected for ${now() - known.at} ms`)
        }
      }
    },
  }
}
