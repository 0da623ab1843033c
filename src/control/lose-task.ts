import type { EventDraft } from '../core/model/event.ts'
import type { Millis } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import type { Task } from '../core/model/task.ts'
import type { Write } from '../ports/store.ts'

/** Gives a task up whose node is gone. Its slot gets another one; should it turn up again, its agent stops it. */
export function loseTask(
  task: Task,
  because: string,
  by: string,
  at: Millis,
): { readonly writes: readonly Write[]; readonly events: readonly EventDraft[] } {
  const status = { ...task.status, state: 'lost' as const, ready: false, finishedAt: at, message: because }
  const message = `${task.id} is lost: ${because}`
  return {
    // Should its node come back, it is stopped there.
    writes: [{ put: keyOf('task', task.id), value: { ...task, desired: 'stopped', because, status } }],
    events: [{ kind: 'task.state', object: `task/${task.id}`, service: task.service, message, by, at }],
  }
}
