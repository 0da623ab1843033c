import type { NodeId } from '../../core/model/ids.ts'
import type { TaskView } from '../../core/model/view.ts'
import type { ProgressLine } from '../presenter.ts'
import type { Style } from './style.ts'
import { printable } from './table.ts'

/** What is left on a node that is drained, and what each task waits for. `tasks`: all that have not ended. */
export function drainLines(node: NodeId, tasks: readonly TaskView[], style: Style): readonly ProgressLine[] {
  return tasks
    .filter((task) => task.node === node)
    .map((task) => {
      const next = tasks.find((other) => isNext(other, task))
      const stuck = next?.state === 'pending'
      const text = `  ${task.id}  ${printable(stateOf(task, next))}`
      return { name: task.id, text, paint: stuck ? style.warning : style.quiet }
    })
}

function isNext(other: TaskView, { service, slot, attempt }: TaskView): boolean {
  return other.service === service && other.slot === slot && other.attempt > attempt
}

function stateOf({ desired, state }: TaskView, next: TaskView | undefined): string {
  if (desired === 'stopped') return 'is stopping'
  if (next === undefined) return `is ${state}, waits for its turn`
  const where = next.node === null ? 'has no node' : `is ${next.state} on node ${next.node}`
  const why = next.message === '' ? '' : `: ${next.message}`
  // Ready, or where its service stops first, prepared.
  return `goes on until ${next.id} can take its place, which ${where}${why}`
}
