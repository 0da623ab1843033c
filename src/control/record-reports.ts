import type { EventDraft, EventKind } from '../core/model/event.ts'
import type { Millis, NodeId, TaskId } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import { isTerminal, judge, type Task, type TaskStatus } from '../core/model/task.ts'
import type { Write } from '../ports/store.ts'
import { commitPart, type PassDeps } from './pass.ts'

/** Statuses that agents reported and that are not stored yet; only the newest of each task matters. */
export type Inbox = Map<TaskId, { readonly node: NodeId; readonly status: TaskStatus }>

/** Takes reported statuses into the state, many in one commit. Late and foreign ones are dropped. */
export async function recordReports(inbox: Inbox, deps: PassDeps): Promise<Millis | null> {
  const { world, clock } = deps
  const steps: { writes: Write[]; events: EventDraft[] }[] = []
  const basis: [TaskId, TaskStatus][] = []
  for (const [id, { node, status }] of inbox) {
    const task = world.mirror.get(keyOf('task', id))?.value
    if (task === undefined || task.node !== node || !isNews(task, status)) {
      inbox.delete(id)
      continue
    }
    if (task.status.state === 'lost') {
      // It stays in the inbox until that has landed: then it is no news any more.
      steps.push(isGone(task, node, clock.now()))
      continue
    }
    basis.push([id, status])
    const ends = isTerminal(status.state) && !isTerminal(task.status.state)
    const next: Task = ends ? { ...task, endedAt: clock.now(), status } : { ...task, status }
    steps.push({
      writes: [{ put: keyOf('task', id), value: next }],
      events: eventsOf(task, status, node, deps),
    })
  }
  const again = await commitPart(deps, [], steps, null)
  for (const [id, status] of basis) {
    const stored = world.mirror.get(keyOf('task', id))?.value.status
    const waiting = inbox.get(id)
    if (waiting?.status === status && stored !== undefined && JSON.stringify(stored) === JSON.stringify(status))
      inbox.delete(id)
  }
  return again
}

/** The node of a lost task has come back, and the task runs there no more. */
function isGone(task: Task, node: NodeId, at: Millis): { writes: Write[]; events: EventDraft[] } {
  const message = `${task.id}, which was lost, does not run any more`
  return {
    writes: [{ put: keyOf('task', task.id), value: { ...task, gone: true } }],
    events: [
      { kind: 'task.state', object: `task/${task.id}`, service: task.service, message, by: `agent ${node}`, at },
    ],
  }
}

function isNews(task: Task, status: TaskStatus): boolean {
  if (task.status.state === 'lost') return !task.gone && isTerminal(status.state) && status.state !== 'lost'
  const verdict = judge(task.status.state, status.state, 'agent')
  if (verdict === 'advance') return true
  return verdict === 'same' && JSON.stringify(task.status) !== JSON.stringify(status)
}

function eventsOf(task: Task, status: TaskStatus, node: NodeId, deps: PassDeps): EventDraft[] {
  const before = task.status
  const events: EventDraft[] = []
  const why = status.message === '' ? '' : `: ${status.message}`
  const say = (kind: EventKind, message: string): void => {
    events.push({
      kind,
      object: `task/${task.id}`,
      service: task.service,
      message,
      by: `agent ${node}`,
      at: deps.clock.now(),
    })
  }
  if (status.state !== before.state) say('task.state', `${task.id} is ${status.state}${why}`)
  if (status.restarts > before.restarts)
    say('task.restarted', `${task.id} was restarted in place (${status.restarts} in all)`)
  if (status.ready && !before.ready) say('task.ready', `${task.id} is ready`)
  if (!status.ready && before.ready && status.state === 'running') say('task.unready', `${task.id} is not ready${why}`)
  return events
}
