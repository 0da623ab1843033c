import { isTerminal, TASK_STATES, type Task, type TaskStatus } from '../../../src/core/model/task.ts'
import type { Check, CheckContext } from '../checks.ts'
import type { Shadow } from '../shadow.ts'

/** Promise 9: what changes says so in the same commit. */
export function causesAreTold({ broken }: CheckContext): Check {
  return {
    onCommit: (written, { commit }) => {
      const told = new Set(commit.events.map(({ object }) => object))
      for (const { key, before, after } of written) {
        if (key.startsWith('event/') || before === after || told.has(key)) continue
        if (key.startsWith('task/') && differs(before as Task | null, after as Task | null))
          broken(`${key} changed without an event`)
        if (key.startsWith('manifest/') && stateOf(before) !== stateOf(after) && stateOf(after) !== 'staged')
          broken(`${key} changed from ${stateOf(before)} to ${stateOf(after)} without an event`)
        if (key.startsWith('node/') || key.startsWith('dispatch/')) broken(`${key} changed without an event`)
      }
      for (const { message, by } of commit.events) if (message === '' || by === '') broken('an event without a cause')
    },
  }
}

function stateOf(manifest: unknown): string {
  // A revision that is forgotten after a long time needs no event.
  return manifest === null ? 'staged' : (manifest as { state: string }).state
}

function differs(before: Task | null, after: Task | null): boolean {
  if (before === null || after === null) return true
  return before.status.state !== after.status.state || before.desired !== after.desired || before.node !== after.node
}

/**
 * States only grow, ends are final, and each has one writer: what is stored as seen was said by the agent of the task's
 * own node, the rest is the leader's.
 */
export function statesOnlyGrow({ shadow, broken }: CheckContext): Check {
  const saidBy = new WeakMap<TaskStatus, string>()
  return {
    onFact: (fact) => {
      if (fact.kind !== 'to-server' || fact.message.kind !== 'report') return
      for (const { status } of fact.message.statuses) saidBy.set(status, fact.node)
    },
    onCommit: (written, { commit }) => {
      // What a user gives up with a node, he knows.
      const byUser = commit.events.some(({ kind }) => GIVEN_UP.has(kind))
      for (const { key, before, after } of written) {
        if (!key.startsWith('task/') || after === null || before === after) continue
        const [old, now] = [before as Task | null, after as Task]
        const from = old?.status.state ?? 'pending'
        const to = now.status.state
        if (TASK_STATES.indexOf(to) < TASK_STATES.indexOf(from)) broken(`${key} went back from ${from} to ${to}`)
        if (isTerminal(from) && to !== from) broken(`${key} had ended as ${from} and became ${to}`)
        if (old?.desired === 'stopped' && now.desired !== 'stopped') broken(`${key} was to stop and is wanted again`)
        if (old?.status === now.status || isControls(old, now)) continue
        if (to === 'lost') {
          const wrong = byUser ? null : whyNotLost(now, shadow)
          if (wrong !== null) broken(`${key} was given up as lost, but ${wrong}`)
          continue
        }
        const speaker = saidBy.get(now.status) ?? 'nobody'
        const node = shadow.nodes.get(now.node ?? 0)?.name
        if (`${speaker}:7946` !== node) broken(`${key} became ${to} on the word of ${speaker}, but it is on ${node}`)
      }
    },
  }
}

const GIVEN_UP = new Set<string>(['node.removed', 'node.fenced', 'node.replaced'])

/** Only what can be replaced is given up, and only when its node is away. */
function whyNotLost({ node, spec, because }: Task, shadow: Shadow): string | null {
  const kept = spec.container.mounts.some(({ kind }) => kind !== 'bind')
  // That it has really ended is what `atMostOne` looks at.
  if (spec.leaseMs !== null && !kept && because.startsWith('the lease of its node')) return null
  const status = shadow.nodes.get(node ?? 0)?.status
  if (status !== 'unreachable' && status !== undefined) return `node ${node} is ${status ?? 'unknown'}`
  return spec.exclusive || kept ? 'it may run nowhere else' : null
}

function isControls(before: Task | null, after: Task): boolean {
  if (before === null) return after.status.state === 'pending'
  if (after.status.state === 'lost') return true
  return before.status.state === 'pending' && ['pending', 'assigned', 'stopped'].includes(after.status.state)
}
