import { dirname, relative } from 'node:path'
import { type ClusterContext, type ContextFile, DEFAULT_RETRIES, DEFAULT_TIMEOUT_MS } from './cluster-context.ts'
import { type Entry, EntryValues, isEntry } from './entry-values.ts'

const CLUSTER_KEYS = ['name', 'port', 'nodes', 'token_file', 'ca_file', 'fingerprint']
const API_PORT = 8080

/**
 * Reads the file of GoCluster's command line, `.gocluster.yaml`: settings stand in its `cli:` block as its documents have
 * it, or at the root as its program read them, which counts more. Names keep their case. Throws CONFIG_INVALID.
 */
export function goclusterFile(document: Entry, path: string): ContextFile {
  const root = new EntryValues(document, path, '')
  const block = root.get('cli') ?? {}
  if (!isEntry(block)) throw root.wrong('cli', 'must be a block')
  const cli = new EntryValues(block, path, 'cli.')
  const clusters = root.get('clusters') ?? {}
  if (!isEntry(clusters)) throw root.wrong('clusters', 'must hold a block for each cluster')
  const settings = ['default_cluster', 'selected_cluster', 'timeout', 'retries']
  const notes = [...root.unknown([...settings, 'cli', 'clusters']), ...cli.unknown(settings)]
  const timeoutMs = root.time('timeout') ?? cli.time('timeout') ?? DEFAULT_TIMEOUT_MS
  const retries = root.count('retries') ?? cli.count('retries') ?? DEFAULT_RETRIES
  const contexts = Object.entries(clusters).map(([name, entry]) => {
    const values = new EntryValues(isEntry(entry) ? entry : {}, path, `clusters.${name}.`)
    notes.push(...values.unknown(CLUSTER_KEYS), ...unusedPort(values, path, name))
    return { ...contextOf(name, values, path), timeoutMs, retries }
  })
  const selected =
    root.text('selected_cluster') ??
    cli.text('selected_cluster') ??
    root.text('default_cluster') ??
    cli.text('default_cluster')
  return { path, contexts, selected, notes }
}

function contextOf(name: string, values: EntryValues, path: string): Omit<ClusterContext, 'timeoutMs' | 'retries'> {
  const directory = dirname(path)
  const servers = nodesIn(values).map((address) => urlOf(address, values.count('port') ?? API_PORT))
  if (servers.length === 0) throw values.wrong('nodes', 'must name where nodes serve the API, as host:port')
  const inside = (file: string | null, key: string): string | null => {
    // Such a file may come with somebody else's directory: it must not make us send a token that lies elsewhere.
    if (file === null || !relative(directory, file).startsWith('..')) return file
    throw values.wrong(key, 'must name a file beside this one, or below')
  }
  return {
    name,
    title: values.text('name'),
    servers,
    socket: null,
    tokenFile: inside(values.file('token_file', directory), 'token_file'),
    caFile: inside(values.file('ca_file', directory), 'ca_file'),
    fingerprint: values.fingerprint(),
    file: path,
  }
}

function nodesIn(values: EntryValues): readonly string[] {
  const nodes = values.get('nodes') ?? {}
  const given = Array.isArray(nodes) ? nodes : isEntry(nodes) ? Object.values(nodes) : [nodes]
  return given.map((one: unknown) => {
    if (typeof one !== 'string') throw values.wrong('nodes', 'must map names to host:port')
    return one
  })
}

/** Beyond this machine the API speaks TLS only. */
function urlOf(address: string, port: number): string {
  if (/^https?:\/\//.test(address)) return new URL(address).origin
  const whole = hasPort(address) ? address : `${address}:${port}`
  const isHere = /^(localhost|127(\.\d{1,3}){3}|\[::1\]):/.test(whole)
  return `${isHere ? 'http' : 'https'}://${whole}`
}

function hasPort(address: string): boolean {
  return /:\d{1,5}$/.test(address)
}

function unusedPort(values: EntryValues, path: string, name: string): readonly string[] {
  if (values.count('port') === null || nodesIn(values).some((address) => !hasPort(address))) return []
  return [`${path}: clusters.${name}.port has no effect: every node there names a port of its own`]
}
