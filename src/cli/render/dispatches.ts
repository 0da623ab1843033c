import type { DispatchView } from '../../core/model/view.ts'
import type { DispatchDetail } from '../../transport/wire.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import { table } from './table.ts'
import { stateOf, tasksText } from './tasks.ts'

/** Tasks that were started by hand, one line each. */
export function dispatchesText(dispatches: readonly DispatchView[], { style, width, now }: Format): string {
  if (dispatches.length === 0) return 'No tasks were started by hand.'
  const rows = dispatches.map(({ id, name, task, spec, by, createdAt }) => [
    id,
    name,
    task === null ? 'pending' : stateOf(task, style),
    spec.container.image ?? [...(spec.container.entrypoint ?? []), ...(spec.container.command ?? [])].join(' '),
    by,
    age(createdAt, now),
    task === null || task.ready ? '' : task.message,
  ])
  return table(['ID', 'NAME', 'STATE', 'RUNS', 'BY', 'AGE', ''], rows, width)
}

/** One of them with its attempts. */
export function dispatchText({ dispatch, tasks }: DispatchDetail, format: Format): string {
  return `${dispatchesText([dispatch], format)}\n\n${tasksText(tasks, format)}`
}
