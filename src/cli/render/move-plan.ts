import type { MovePlan } from '../../main/move.ts'
import type { Style } from './style.ts'
import { printable, table } from './table.ts'

const WIDE = 1_000

/** What moving the state would do, for somebody who decides. */
export function movePlanText(plan: MovePlan, style: Style): string {
  const { incarnation, counts } = plan
  const rows = counts.map(({ kind, count }) => [`  ${kind}`, String(count)])
  const notes = [
    ...(plan.finishes ? ['An earlier run of this move was cut off; this one finishes it.'] : []),
    'No server uses the old place any more; what is there stays as it is, with a mark.',
    'Nothing is restarted: tasks run on, and are taken over when the servers start again.',
    `Start the servers then with ${plan.startWith}`,
  ]
  return [
    `cluster      ${printable(plan.clusterName)} (${plan.clusterId})`,
    `from         ${printable(plan.from)}, storeRevision ${plan.storeRevision}`,
    `to           ${printable(plan.to)}`,
    `incarnation  ${incarnation.before} → ${incarnation.after}`,
    '',
    table(['  OBJECTS', 'COUNT'], rows, WIDE),
    '',
    ...notes.map((note) => style.quiet(printable(note))),
  ].join('\n')
}
