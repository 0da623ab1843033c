import { OperationalError } from '../core/errors.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import type { DismissedMachine } from '../core/model/node.ts'
import { type Key, keyOf } from '../core/model/objects.ts'
import { isEmptyPlan, type NodeChange, type Plan } from '../core/model/plan.ts'
import { isAlive, type Task } from '../core/model/task.ts'
import { nodeChangeWords } from '../core/plan/node-action.ts'
import { type NodeTarget, nodeTarget } from '../core/plan/node-target.ts'
import { contentHash } from '../lib/canonical-json.ts'
import type { Write } from '../ports/store.ts'
import { type AcceptDeps, commitOnce, earlierAnswer } from './accept-change.ts'
import type { Accepted, Caller } from './api.ts'
import { loseTask } from './lose-task.ts'
import { changeWrites } from './node-certificates.ts'

const TRIES = 3
/** Tasks that are given up in one commit; the node, its machine and certificates and the caller's key need room too. */
const PART = 60

interface Part {
  readonly writes: readonly Write[]
  readonly events: readonly EventDraft[]
}

/**
 * Makes a change of a node durable. What runs there is given up before the node itself changes, so a crash in between
 * leaves less to do for the next try, and never a task on a node that is gone.
 */
export async function acceptNodeChange(
  change: NodeChange,
  makePlan: () => Promise<Plan>,
  checkPlan: (now: Plan) => void,
  caller: Caller,
  deps: AcceptDeps,
): Promise<Accepted> {
  const requestHash = contentHash(change)
  for (let tries = 1; ; tries++) {
    const plan = await makePlan()
    if (earlierAnswer(caller, requestHash, deps) !== null) return { revision: null, plan }
    checkPlan(plan)
    if (isEmptyPlan(plan) || (await commitAll(change, caller, requestHash, deps))) return { revision: null, plan }
    if (tries >= TRIES)
      throw new OperationalError('CONFLICT', `node ${change.node} was changed by somebody else at the same time`)
  }
}

/** Takes a node out whose machine runs nothing any more, without asking anybody. Throws NOT_FOUND, CONFLICT. */
export async function removeNode(node: NodeId, caller: Caller, deps: AcceptDeps): Promise<void> {
  for (let tries = 1; !(await commitAll({ kind: 'remove-node', node, force: true }, caller, '', deps)); tries++) {
    if (tries >= TRIES)
      throw new OperationalError('CONFLICT', `node ${node} was changed by somebody else at the same time`)
  }
}

async function commitAll(change: NodeChange, caller: Caller, requestHash: string, deps: AcceptDeps): Promise<boolean> {
  const { world, clock } = deps
  const dismissed = [...world.mirror.list('dismissed')].map(({ value }) => value)
  const target = nodeTarget(change, world.nodes(), dismissed)
  const there = target.losesTasks ? [...world.mirror.tasksOn(change.node)].map(({ value }) => value) : []
  // A machine that is sent away hears so itself, and the next one with its id has no word on what ran there.
  const gone = target.dismisses !== null
  const lost = there.filter((task) => isAlive(task) || (gone && task.status.state === 'lost' && !task.gone))
  const because = nodeChangeWords(change, target)
  const lose = (tasks: readonly Task[]): Part[] =>
    tasks.map((task) =>
      isAlive(task)
        ? loseTask({ ...task, gone }, because, caller.by, clock.now())
        : { writes: [{ put: keyOf('task', task.id), value: { ...task, gone } }], events: [] },
    )
  while (lost.length > PART) {
    if (!(await commitParts(lose(lost.splice(0, PART)), deps))) return false
  }
  const revokes = { writes: changeWrites(target, because, clock.now(), world), events: [] }
  const servers = new Set([...world.mirror.list('server')].map(({ value }) => value.name))
  const parts = [nodePart({ change, target, message: because, servers }, caller, clock.now()), revokes, ...lose(lost)]
  if (caller.idempotencyKey !== null) {
    const record = { requestHash, status: 202, body: { revision: null }, at: clock.now() }
    parts.push({ writes: [{ put: keyOf('idempotency', caller.idempotencyKey), value: record }], events: [] })
  }
  return commitParts(parts, deps)
}

function commitParts(parts: readonly Part[], deps: AcceptDeps): Promise<boolean> {
  const writes = parts.flatMap((part) => part.writes)
  const expect = writes.map((write) => {
    const key: Key = 'put' in write ? write.put : write.delete
    return { key, revision: deps.world.mirror.get(key)?.revision ?? 0 }
  })
  const events = parts.flatMap((part) => part.events)
  return commitOnce({ epoch: null, expect, writes, events }, deps).then((revision) => revision !== null)
}

const EVENTS = {
  node: 'node.changed',
  'remove-node': 'node.removed',
  'fence-node': 'node.fenced',
  'replace-node': 'node.replaced',
} as const

interface NodePartInput {
  readonly change: NodeChange
  readonly target: NodeTarget
  readonly message: string
  /** Names of servers. */
  readonly servers: ReadonlySet<string>
}

function nodePart({ change, target, message, servers }: NodePartInput, { by }: Caller, at: Millis): Part {
  const { from, to, freed, dismisses } = target
  const key = keyOf('node', from.id)
  const writes: Write[] = []
  if (dismisses !== null && from.machineId !== null) {
    const node = { ...from, status: 'removed' as const }
    const machine: DismissedMachine = { machineId: from.machineId, node, because: dismisses, by, at }
    writes.push({ put: keyOf('dismissed', from.machineId), value: machine })
  }
  writes.push(to === null ? { delete: key } : { put: key, value: to })
  if (freed !== null) writes.push({ delete: keyOf('node', freed) })
  // The machine that takes its place may be a server of the same name.
  const isServerStill = freed !== null && to?.name === from.name
  if (dismisses !== null && !isServerStill && servers.has(from.name))
    writes.push({ delete: keyOf('server', from.name) })
  return { writes, events: [{ kind: EVENTS[change.kind], object: key, service: null, message, by, at }] }
}
