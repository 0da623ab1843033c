import type { NodeId } from '../../core/model/ids.ts'
import type { ClusterView, ServerView, ServiceView, StoreCondition } from '../../core/model/view.ts'
import { leaderOf } from '../../core/node/leader-condition.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import { printable } from './table.ts'

const UNSETTLED = 'its state was put back: what runs and it does not know stays until `gantry cluster settle`'

function settlingText(nodes: readonly NodeId[]): string {
  return `its state was settled: exclusive services wait until node ${nodes.join(', ')} has removed what it does not know`
}

/** What a cluster is, who leads it, and where its state is. */
export function clusterText(view: ClusterView, format: Format): string {
  const { now, style } = format
  const { cluster, leadership, store, servers, conditions, storeRevision, version, desiredRevision, nodes } = view
  return [
    `cluster   ${printable(cluster.name)} (${cluster.id}), incarnation ${cluster.incarnation}, made ${age(cluster.createdAt, now)} ago`,
    `leader    ${leaderText({ leadership, conditions }, format)}`,
    `store     ${store}, revision ${storeRevision}`,
    ...(servers.length === 0 ? [] : [`servers   ${servers.map(serverText).join(', ')}`]),
    `manifest  ${desiredRevision === 0 ? 'none yet' : `revision ${desiredRevision}`}`,
    `nodes     ${nodes.map(({ id, name, status }) => `${id} ${printable(name)} ${status}`).join(', ') || 'none yet'}`,
    `version   ${version}`,
    ...(cluster.keepsUnknown === true ? [style.warning(UNSETTLED)] : []),
    ...(cluster.settling === undefined ? [] : [style.warning(settlingText(cluster.settling))]),
    ...conditions.flatMap((condition) => conditionLines(condition, format)),
  ].join('\n')
}

/** `s1 leads`, `s3 silent`: what a server is to the store. */
function serverText({ name, address, isVoting, leads, alive }: ServerView): string {
  const state = [alive ? '' : 'silent', isVoting ? '' : 'learning', leads ? 'leads the store' : ''].filter(
    (word) => word !== '',
  )
  return [printable(name === '' ? address : name), ...state].join(' ')
}

/** What people should know of the store, and what helps. */
function conditionLines({ severity, message, hint }: StoreCondition, { style }: Format): string[] {
  const word = severity === 'failure' ? style.bad('failure') : style.warning('warning')
  return [`${word}: ${printable(message)}`, `  ${printable(hint)}`]
}

/** Who leads, since when, and where it is reached; or that nobody does, and who did last. */
export function leaderText(view: Pick<ClusterView, 'leadership' | 'conditions'>, { now }: Format): string {
  const { holder, epoch, since, address } = view.leadership
  if (leaderOf(view) === null) return `nobody; ${printable(holder)} was the last to lead, epoch ${epoch}`
  return `${printable(holder)}, epoch ${epoch}, since ${age(since, now)}${address === null ? '' : `, at ${address}`}`
}

/** One line for each service that is not as it should be; one word when all are. */
export function healthText(
  services: readonly ServiceView[],
  conditions: readonly StoreCondition[],
  format: Format,
): string {
  const { style } = format
  const bad = services.filter(isHindered)
  const lines = conditions.flatMap((condition) => conditionLines(condition, format))
  if (bad.length === 0 && !conditions.some(isFailure)) return [style.good('healthy'), ...lines].join('\n')
  const ill = bad.map(({ name, health, message }) => `${name}: ${style.bad(health)}: ${printable(message)}`)
  return [...ill, ...lines].join('\n')
}

/** Whether something hinders it; a service that wants no task is not hindered. */
export function isHindered({ health }: ServiceView): boolean {
  return health === 'degraded' || health === 'unhealthy'
}

/** Whether it keeps something from working. */
export function isFailure({ severity }: StoreCondition): boolean {
  return severity === 'failure'
}
