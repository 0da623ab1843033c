import { dirname } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { baseOf } from '../../transport/client/server-url.ts'
import { type ClusterContext, type ContextFile, DEFAULT_RETRIES, DEFAULT_TIMEOUT_MS } from './cluster-context.ts'
import { type Entry, EntryValues, isEntry } from './entry-values.ts'

const KEYS = ['servers', 'socket', 'token_file', 'ca_file', 'fingerprint', 'timeout', 'retries']

/** Reads our own file of clusters, `clusters.yaml`. Throws CONFIG_INVALID. */
export function clustersFile(document: Entry, path: string): ContextFile {
  const root = new EntryValues(document, path, '')
  const clusters = root.get('clusters') ?? {}
  if (!isEntry(clusters)) throw root.wrong('clusters', 'must hold a block for each cluster')
  const notes = [...root.unknown(['current', 'clusters'])]
  const contexts = Object.entries(clusters).map(([name, entry]) => {
    const values = new EntryValues(isEntry(entry) ? entry : {}, path, `clusters.${name}.`)
    notes.push(...values.unknown(KEYS))
    return contextOf(name, values, path)
  })
  return { path, contexts, selected: root.text('current'), notes }
}

function contextOf(name: string, values: EntryValues, path: string): ClusterContext {
  const directory = dirname(path)
  const servers = serversIn(values)
  const socket = values.file('socket', directory)
  if ((servers.length === 0) === (socket === null))
    throw new OperationalError('CONFIG_INVALID', `${path}: clusters.${name} needs servers, or a socket`)
  return {
    name,
    title: null,
    servers,
    socket,
    tokenFile: values.file('token_file', directory),
    caFile: values.file('ca_file', directory),
    fingerprint: values.fingerprint(),
    timeoutMs: values.time('timeout') ?? DEFAULT_TIMEOUT_MS,
    retries: values.count('retries') ?? DEFAULT_RETRIES,
    file: path,
  }
}

function serversIn(values: EntryValues): readonly string[] {
  const given = values.get('servers') ?? []
  const list = Array.isArray(given) ? given : [given]
  return list.map((one: unknown) => {
    if (typeof one !== 'string') throw values.wrong('servers', 'must be a list of URLs')
    return baseOf(one).origin
  })
}
