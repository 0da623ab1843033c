import type { PortBinding } from '../../core/model/task.ts'
import type { TaskView } from '../../core/model/view.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import type { Style } from './style.ts'
import { type Cell, table } from './table.ts'

const HEADER = ['TASK', 'STATE', 'NODE', 'PORTS', 'RESTARTS', 'AGE', '']

/** Tasks, one line each, with why they are in that state. */
export function tasksText(tasks: readonly TaskView[], { style, width, now }: Format): string {
  if (tasks.length === 0) return 'No tasks.'
  const rows = tasks.map((task) => [
    task.id,
    stateOf(task, style),
    task.node === null ? '-' : String(task.node),
    task.ports.map(portText).join(' ') || '-',
    String(task.restarts),
    age(task.finishedAt ?? task.startedAt ?? task.createdAt, now),
    task.ready ? '' : task.message,
  ])
  return table(HEADER, rows, width)
}

/** `20000→80`: the port of the node, and the one in the task that it leads to. */
function portText({ host, container, protocol }: PortBinding): string {
  return `${host}→${container}${protocol === 'tcp' ? '' : `/${protocol}`}`
}

/** In a word, as a cell of a table. */
export function stateOf({ state: of, ready }: TaskView, style: Style): Cell {
  switch (of) {
    case 'running':
      return ready ? { text: 'ready', paint: style.good } : { text: 'running', paint: style.warning }
    case 'failed':
    case 'rejected':
    case 'lost':
      return { text: of, paint: style.bad }
    default:
      return { text: of, paint: style.quiet }
  }
}
