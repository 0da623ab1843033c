import type { RestorePlan } from '../../main/restore.ts'
import type { Style } from './style.ts'
import { printable, table } from './table.ts'

const WIDE = 1_000

/** What putting a state there would do, for somebody who decides. */
export function restorePlanText(plan: RestorePlan, style: Style): string {
  const { incarnation, counts, losses, seat } = plan
  const head = [
    `cluster      ${printable(plan.clusterName)} (${plan.clusterId}), it stays this cluster, with its certificate authority`,
    `from         ${printable(plan.from)}`,
    `to           ${printable(plan.to)}`,
    `incarnation  ${incarnation.before} → ${incarnation.after}`,
    ...(seat === null ? [] : [`machine      ${seatText(seat)}`]),
  ]
  const rows = counts.map(({ kind, after, now }) => [`  ${kind}`, String(after), now === null ? '-' : String(now)])
  const list = table(['  OBJECTS', 'THEN', 'NOW'], rows, WIDE)
  const lost = losses.map((loss) => `  ${style.warning('!')} ${printable(loss)}`)
  return [
    ...head,
    '',
    list,
    '',
    'Lost:',
    ...lost,
    '',
    'Nothing is restarted. Agents keep what they run and this state does not know, until `gantry cluster settle`.',
  ].join('\n')
}

function seatText({ nodeId, name, isTaken }: NonNullable<RestorePlan['seat']>): string {
  const node = `this one becomes server ${printable(name)}, node ${nodeId}`
  return isTaken ? `${node}, whose machine is not believed any more` : node
}
