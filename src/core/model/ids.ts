/** Milliseconds: a duration, or since 1970 where the name ends in `At`. */
export type Millis = number

export type ServiceName = string
/** Place of one replica in a service, from 1; in a global service the id of the node it belongs to. */
export type Slot = number
/** Small positive integer, stable for the life of a node and inherited by its replacement. */
export type NodeId = number

/** `<service>.<slot>.<attempt>`: derived, never drawn, so a decision taken twice names the same task twice. */
export type TaskId = string

/** Derives the id of the nth try in a slot. */
export function taskId(service: ServiceName, slot: Slot, attempt: number): TaskId {
  return `${service}.${slot}.${attempt}`
}

/** The place that a task is for: `<service>.<slot>`. */
export function slotOf(task: TaskId): string {
  return task.slice(0, task.lastIndexOf('.'))
}

/** Number of a leader's reign; grows by one with each. */
export type Epoch = number
/** Number of the last commit a store has seen; ours, not the backend's. */
export type StoreRevision = number
