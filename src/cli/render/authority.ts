import type { AuthorityView } from '../../core/model/view.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import { table } from './table.ts'

const STATES: Readonly<Record<AuthorityView['rotation'], string>> = {
  none: 'no change is on the way',
  prepared: 'prepared: nodes learn to trust the next authority',
  switched: 'switched: nodes renew their certificates',
}

/** Which authority signs, and where a change of it is. */
export function authorityText(
  { signing, trusted, rotation, since, waitsFor, revoked }: AuthorityView,
  { now }: Format,
): string {
  const lines = [
    `signs     ${signing}`,
    ...trusted.map((name, at) => `${at === 0 ? 'trusted ' : '        '}  ${name}`),
    `change    ${STATES[rotation]}${since === null ? '' : `, for ${age(since, now)}`}`,
  ]
  if (waitsFor.length > 0) lines.push(`waits for ${waitsFor.map((id) => `node ${id}`).join(', ')}`)
  return [...lines, `revoked   ${revoked === 1 ? '1 certificate' : `${revoked} certificates`}`].join('\n')
}

/** How far each machine is, one line each. */
export function authorityNodesText(
  { nodes, rotation, waitsFor }: AuthorityView,
  { style, width, now }: Format,
): string {
  if (nodes.length === 0) return 'No machine has a certificate.'
  const rows = nodes.map(({ nodeId, name, connected, trustsNext, holdsNext, notAfter }) => {
    const [text, paint] = waitsFor.includes(nodeId) ? ['waited for', style.warning] : ['done', style.good]
    const next = rotation === 'none' ? [] : [trustsNext ? 'yes' : 'no', holdsNext ? 'yes' : 'no', { text, paint }]
    return [String(nodeId), name, connected ? 'yes' : 'no', `${age(now, notAfter)}`, ...next]
  })
  const more = rotation === 'none' ? [] : ['TRUSTS NEXT', 'HAS NEXT', 'CHANGE']
  return table(['ID', 'NAME', 'CONNECTED', 'EXPIRES IN', ...more], rows, width)
}

/** What is shown while a change goes on. */
export function rotationLine({ rotation, waitsFor, nodes }: AuthorityView): string {
  const names = waitsFor.map(
    (id) => `node ${id}${nodes.some((node) => node.nodeId === id && node.connected) ? '' : ' (away)'}`,
  )
  return `${STATES[rotation]}${names.length === 0 ? '' : `; waits for ${names.join(', ')}`}`
}

const KEY_STATES: Readonly<Record<AuthorityView['clusterKey']['change'], string>> = {
  none: 'no change is on the way',
  prepared: 'prepared: servers are given the next key',
  switched: 'switched: servers go over to the next key',
}

/** Whether no change is on the way, and no server has an old key any more. */
export function isKeyChanged({ clusterKey: { change, waitsFor } }: AuthorityView): boolean {
  return change === 'none' && waitsFor.length === 0
}

/** Which cluster key there is, and where a change of it is. */
export function clusterKeyText(
  { clusterKey: { id, change, since, waitsFor } }: AuthorityView,
  { now }: Format,
): string {
  const lines = [
    `key       ${id}`,
    `change    ${KEY_STATES[change]}${since === null ? '' : `, for ${age(since, now)}`}`,
  ]
  if (waitsFor.length > 0) lines.push(`waits for ${waitsFor.map((node) => `node ${node}`).join(', ')}`)
  return lines.join('\n')
}

/** What is shown while a change of the cluster key goes on. */
export function clusterKeyLine({ clusterKey: { change, waitsFor } }: AuthorityView): string {
  const what = change === 'none' ? 'servers forget the old key' : KEY_STATES[change]
  return `${what}${waitsFor.length === 0 ? '' : `; waits for ${waitsFor.map((node) => `node ${node}`).join(', ')}`}`
}
