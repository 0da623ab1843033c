import type { Mortal } from '../mortal.ts'
import type { SimNode } from '../node.ts'
import type { SimServer } from '../server.ts'

/** What is not yet as it should be among servers that nothing troubles any more; null: all is well. */
export function memoryUnrest(
  servers: readonly SimServer[],
  nodes: readonly SimNode[],
  sentAway: (leader: Mortal) => ReadonlySet<string>,
): string | null {
  for (const { name, anyApi } of servers) if (anyApi === null) return `${name} has no state`
  const leaders = servers.filter(({ api }) => api !== null)
  const [first] = servers
  if (leaders.length !== 1 || leaders[0] !== first || first === undefined)
    return `${leaders.map(({ name }) => name).join(', ') || 'nobody'} leads, and server-1 is there`
  const gone = first.process === null ? new Set<string>() : sentAway(first.process)
  return viewUnrest(first, servers) ?? nodesUnrest(first, nodes, gone)
}

/** All servers have the same state. */
function viewUnrest(first: SimServer, servers: readonly SimServer[]): string | null {
  const seen = servers.map(({ anyApi }) => {
    const { leadership, storeRevision, nodes } = anyApi?.cluster() ?? {}
    const known = nodes?.map(({ id, name, status, availability, labels }) => ({
      id,
      name,
      status,
      availability,
      labels,
    }))
    return JSON.stringify({ leadership, storeRevision, known })
  })
  const other = servers[seen.findIndex((one) => one !== seen[0])]
  return other === undefined ? null : `${other.name} sees something else than ${first.name}`
}

/** Every machine that was not sent away is a node, once, and follows; one that was sent away is none. */
function nodesUnrest(
  { api, process }: SimServer,
  nodes: readonly SimNode[],
  sentAway: ReadonlySet<string>,
): string | null {
  const known = api?.nodes() ?? []
  const epoch = api?.cluster().leadership.epoch
  for (const { name, givenUp, connection, cache } of nodes) {
    const records = known.filter((node) => node.name === `${name}:7946`)
    if (givenUp) {
      // Whoever heard of that may have been lost: then it is a node as before.
      if (records.some(({ machineId }) => machineId != null && sentAway.has(machineId)))
        return `${name} was sent away and is a node`
      continue
    }
    if (connection === null || !connection.isOf(process)) return `${name} is not connected to the leader`
    if (records.length !== 1 || records[0]?.status !== 'ready')
      return `${name} is ${records.map(({ id, status }) => `node ${id}, ${status}`).join(' and ') || 'no node'}`
    const obeyed = /"epoch":(\d+)/.exec(cache.text ?? '')?.[1]
    if (obeyed !== String(epoch)) return `${name} obeys epoch ${obeyed}, and epoch ${epoch} reigns`
  }
  return null
}
