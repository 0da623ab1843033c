import type { Dispatch } from '../../core/model/manifest.ts'
import type { DispatchDetail } from '../../transport/wire.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import { table } from './table.ts'
import { tasksText } from './tasks.ts'

/** Tasks that were started by hand, one line each. */
export function dispatchesText(dispatches: readonly Dispatch[], { width, now }: Format): string {
  if (dispatches.length === 0) return 'No tasks were started by hand.'
  const rows = dispatches.map(({ id, name, desired, spec, by, createdAt }) => [
    id,
    name,
    desired,
    spec.container.image ?? [...(spec.container.entrypoint ?? []), ...(spec.container.command ?? [])].join(' '),
    by,
    age(createdAt, now),
  ])
  return table(['ID', 'NAME', 'DESIRED', 'RUNS', 'BY', 'AGE'], rows, width)
}

/** One of them with its attempts. */
export function dispatchText({ dispatch, tasks }: DispatchDetail, format: Format): string {
  return `${dispatchesText([dispatch], format)}\n\n${tasksText(tasks, format)}`
}
