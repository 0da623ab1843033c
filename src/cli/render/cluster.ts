import type { Leadership } from '../../core/model/cluster.ts'
import type { ClusterView, ServiceView } from '../../core/model/view.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import { printable } from './table.ts'

const UNSETTLED = 'its state was put back: what runs and it does not know stays until `gantry cluster settle`'

/** What a cluster is, who leads it, and where its state is. */
export function clusterText(view: ClusterView, format: Format): string {
  const { now, style } = format
  const { cluster, leadership, store, storeRevision, version, desiredRevision, nodes } = view
  return [
    `cluster   ${printable(cluster.name)} (${cluster.id}), incarnation ${cluster.incarnation}, made ${age(cluster.createdAt, now)} ago`,
    `leader    ${leaderText(leadership, format)}`,
    `store     ${store}, revision ${storeRevision}`,
    `manifest  ${desiredRevision === 0 ? 'none yet' : `revision ${desiredRevision}`}`,
    `nodes     ${nodes.map(({ id, name, status }) => `${id} ${printable(name)} ${status}`).join(', ') || 'none yet'}`,
    `version   ${version}`,
    ...(cluster.keepsUnknown === true ? [style.warning(UNSETTLED)] : []),
  ].join('\n')
}

/** Who leads, since when, and where it is reached. */
export function leaderText({ holder, epoch, since, address }: Leadership, { now }: Format): string {
  return `${printable(holder)}, epoch ${epoch}, since ${age(since, now)}${address === null ? '' : `, at ${address}`}`
}

/** One line for each service that is not as it should be; one word when all are. */
export function healthText(services: readonly ServiceView[], { style }: Format): string {
  const bad = services.filter(isHindered)
  if (bad.length === 0) return style.good('healthy')
  return bad.map(({ name, health, message }) => `${name}: ${style.bad(health)}: ${printable(message)}`).join('\n')
}

/** Whether something hinders it; a service that wants no task is not hindered. */
export function isHindered({ health }: ServiceView): boolean {
  return health === 'degraded' || health === 'unhealthy'
}
