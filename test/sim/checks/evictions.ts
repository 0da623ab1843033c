import type { Leadership } from '../../../src/core/model/cluster.ts'
import type { Node } from '../../../src/core/model/node.ts'
import { isAlive, type Task } from '../../../src/core/model/task.ts'
import { isLeased } from '../../../src/core/node/lease.ts'
import { VIGILANCES } from '../../../src/core/node/vigilance.ts'
import { hasDataThere, isHeldWhereItWas } from '../../../src/core/schedule/need.ts'
import type { Check, CheckContext } from '../checks.ts'
import type { Fact } from '../facts.ts'
import type { Written } from '../shadow.ts'

/** Between the last probe that was not answered and the commit that follows from it: a slow one of an absence, and its queue. */
const DECIDED_WITHIN_MS = 6_000
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

/** By then a leader has asked a machine more than once, noticed that it is silent, and written what follows. */
const NOTICED_WITHIN_MS = VIGILANCES.normal.patience.silentForMs + DECIDED_WITHIN_MS

/**
 * Promise 6: when half the nodes or more are silent together, from four up, nothing is moved. What counts is what the leader
 * can know: a machine that fell silent a moment ago, or that somebody whom it can ask still hears, is not silent for it, and
 * what an earlier leader wrote of a node says nothing of today. Nodes that were lost before, one by one, are not counted:
 * nothing of them is left that could be moved, and nobody speaks for them.
 */
export function halfIsNeverEvicted({ shadow, broken, net, now }: CheckContext): Check {
  const joinedAt = new Map<string, number>()
  return {
    onCommit: (written, fact) => {
      for (const { key, before } of written)
        if (key.startsWith('node/') && before === null) joinedAt.set(key.slice('node/'.length), now())
      const emptied = new Set(evictionsIn(written, fact).map(({ task }) => task.node))
      if (emptied.size === 0) return
      const { author } = fact
      const isLostBefore = ({ id, status, hostname }: Node): boolean =>
        status === 'unreachable' && !emptied.has(id) && !isLeft(id) && !net.isTakenForConnected(author, hostname)
      const there = [...shadow.nodes.values()].filter((node) => !isLostBefore(node))
      const silent = there.filter(
        ({ id, hostname }) => emptied.has(id) || net.isSilentFor(author, hostname, NOTICED_WITHIN_MS),
      )
      // Of one that was lost before and whose machine answers again a leader may think either way.
      const answering = [...shadow.nodes.values()].filter(
        (node) => isLostBefore(node) && net.isHeardFor(author, node.hostname, 1),
      )
      // Nor need it have heard yet what one says that has just come back: its return is not written. Or that has just joined.
      const hasJoined = (id: number): boolean => now() - (joinedAt.get(`${id}`) ?? 0) < DECIDED_WITHIN_MS
      const arriving = there.filter(
        ({ id, status }) => !emptied.has(id) && (hasJoined(id) || (status === 'unreachable' && !isLeft(id))),
      )
      const isMass = (count: number): boolean =>
        count >= FEWEST_TO_HOLD && silent.length * 2 >= count + answering.length
      if (isMass(there.length) && isMass(there.length - arriving.length))
        broken(`tasks were given up while ${silent.length} of ${there.length} nodes are silent at once`)
    },
  }

  /** Whether something is on the node that could be moved, now or when its lease has ended. */
  function isLeft(node: number): boolean {
    return [...shadow.tasks.values()].some((task) => {
      if (task.node !== node || !isAlive(task)) return false
      return !isHeldWhereItWas(task.spec) || (isLeased(task) && !hasDataThere(task.spec))
    })
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
