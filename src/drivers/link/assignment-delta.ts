import { isDeepStrictEqual } from 'node:util'
import { OperationalError } from '../../core/errors.ts'
import type { TaskId } from '../../core/model/ids.ts'
import type { Assignment } from '../../core/model/message.ts'
import type { Task } from '../../core/model/task.ts'

/** The values of those keys of a task that changed. */
export type TaskChange = { readonly [K in keyof Task]?: Task[K] | undefined }

/** What differs between an assignment and the one before it on the same connection. */
export interface AssignmentDelta extends Omit<Assignment, 'tasks'> {
  /** It differs from nothing, not from the one before. */
  readonly anew: boolean
  readonly added: readonly Task[]
  readonly changed: readonly { readonly id: TaskId; readonly set: TaskChange }[]
  readonly removed: readonly TaskId[]
  /** The ids in their order; null: those that stay come first, as they were, then the added ones. */
  readonly order: readonly TaskId[] | null
  /** How many tasks there are then, so that ends that do not agree find out. */
  readonly tasks: number
}

/** Turns assignments into differences. The first on a connection is whole. */
export class DeltaSender {
  #last: ReadonlyMap<TaskId, Task> | null = null

  next({ tasks, ...rest }: Assignment): AssignmentDelta {
    const before = this.#last ?? new Map<TaskId, Task>()
    const now = new Map(tasks.map((task) => [task.id, task]))
    const added: Task[] = []
    const changed: { id: TaskId; set: TaskChange }[] = []
    for (const [id, task] of now) {
      const old = before.get(id)
      if (old === undefined) added.push(task)
      // Values of the store are never changed: the same object has the same content.
      else if (old !== task) {
        const set = changeOf(old, task)
        if (Object.keys(set).length > 0) changed.push({ id, set })
      }
    }
    const removed = [...before.keys()].filter((id) => !now.has(id))
    const expected = [...before.keys()].filter((id) => now.has(id)).concat(added.map(({ id }) => id))
    const ids = [...now.keys()]
    const order = ids.every((id, i) => id === expected[i]) ? null : ids
    const anew = this.#last === null
    this.#last = now
    return { ...rest, anew, added, changed, removed, order, tasks: now.size }
  }
}

/** The keys in which two tasks differ. Tasks have all their keys, always. */
function changeOf(old: Task, task: Task): TaskChange {
  const keys = Object.keys(task) as (keyof Task)[]
  return Object.fromEntries(keys.filter((key) => !same(old[key], task[key])).map((key) => [key, task[key]]))
}

function same(a: unknown, b: unknown): boolean {
  return a === b || isDeepStrictEqual(a, b)
}

/** Turns differences into whole assignments again. Tasks that stay as they are stay the same objects. */
export class DeltaReceiver {
  #last: ReadonlyMap<TaskId, Task> | null = null

  /** Throws UNAVAILABLE for a difference from something else than what was received last. */
  next({ anew, added, changed, removed, order, tasks: size, ...rest }: AssignmentDelta): Assignment {
    const tasks = new Map(anew ? [] : this.#last)
    if (!anew && this.#last === null) throw mismatch()
    for (const id of removed) if (!tasks.delete(id)) throw mismatch()
    for (const { id, set } of changed) {
      const old = tasks.get(id)
      if (old === undefined || (set.id !== undefined && set.id !== id)) throw mismatch()
      tasks.set(id, { ...old, ...set } as Task)
    }
    for (const task of added) {
      if (tasks.has(task.id)) throw mismatch()
      tasks.set(task.id, task)
    }
    const ordered = order === null ? tasks : inOrder(tasks, order)
    if (ordered.size !== size) throw mismatch()
    this.#last = ordered
    return { ...rest, tasks: [...ordered.values()] }
  }
}

function inOrder(tasks: ReadonlyMap<TaskId, Task>, order: readonly TaskId[]): Map<TaskId, Task> {
  return new Map(
    order.map((id) => {
      const task = tasks.get(id)
      if (task === undefined) throw mismatch()
      return [id, task]
    }),
  )
}

function mismatch(): OperationalError {
  return new OperationalError('UNAVAILABLE', 'an assignment was sent as the difference from one that never arrived')
}
