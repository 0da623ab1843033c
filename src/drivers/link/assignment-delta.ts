import type { TaskId } from '../../core/model/ids.ts'
import type { Assignment } from '../../core/model/message.ts'
import type { Task } from '../../core/model/task.ts'

/** What differs between an assignment and the one before it on the same connection. */
export interface AssignmentDelta extends Omit<Assignment, 'tasks'> {
  readonly changed: readonly Task[]
  readonly removed: readonly TaskId[]
}

/** Turns assignments into differences. The first on a connection is whole, for it differs from nothing. */
export class DeltaSender {
  #sent = new Map<TaskId, Task>()

  next({ tasks, ...rest }: Assignment): AssignmentDelta {
    const before = this.#sent
    this.#sent = new Map(tasks.map((task) => [task.id, task]))
    // Values of the store are never changed: the same object has the same content.
    const changed = tasks.filter((task) => before.get(task.id) !== task)
    const removed = [...before.keys()].filter((id) => !this.#sent.has(id))
    return { ...rest, changed, removed }
  }
}

/** Turns differences into whole assignments again. */
export class DeltaReceiver {
  readonly #tasks = new Map<TaskId, Task>()

  next({ changed, removed, ...rest }: AssignmentDelta): Assignment {
    for (const id of removed) this.#tasks.delete(id)
    for (const task of changed) this.#tasks.set(task.id, task)
    return { ...rest, tasks: [...this.#tasks.values()] }
  }
}
