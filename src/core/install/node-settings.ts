import { OperationalError } from '../errors.ts'
import type { JoinSecret } from '../identity/cluster-secret.ts'
import type { NodeSection } from '../manifest/agent-sections.ts'
import type { ServerEntry, Standing } from './seeds.ts'

/** Where the state is kept, in the words of the file. */
export type BackendSection = Readonly<Record<string, string | readonly string[]>>

/** What a user wants of a node, beside the list of servers. */
export interface NodeWish {
  readonly name: string | null
  readonly placement: string | null
  readonly publicAddress: string | null
  readonly region: string | null
  readonly zone: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly runtimes: NodeSection['runtimes'] | null
  readonly dockerHost: string | null
  /** Where servers reach it; null: an agent does not tell, a server has its entry. */
  readonly address: string | null
  /** Where a server serves the API; null: as by default. */
  readonly listen: string | null
  /** The section `backend` of its file; empty: SQLite. */
  readonly backend: BackendSection
}

/** Everything that an installed node is told, in the form of the agent's own file. */
export interface NodeSettings {
  readonly data_dir: string
  readonly listen_addr?: string
  readonly backend?: BackendSection
  readonly node: NodeSection
}

export interface InstallInput {
  readonly volume: string
  /** Where the token or secret is kept. */
  readonly secretFile: string
  readonly seeds: readonly ServerEntry[]
  readonly standing: Standing
  readonly secret: JoinSecret
  /** Addresses of the machine itself, on which it can listen. */
  readonly own: ReadonlySet<string>
  readonly wish: NodeWish
}

/** Works out what a node is told. Throws USAGE for what does not go together. */
export function nodeSettings(input: InstallInput): NodeSettings {
  const { volume, secretFile, seeds, standing, wish } = input
  requireFit(input)
  const isServer = standing.role === 'server'
  const backend = backendFor(input)
  const { name, placement, region, zone, labels, runtimes, dockerHost } = wish
  const node: NodeSection = {
    role: standing.role,
    ...given({ name, placement, public_address: wish.publicAddress, region, zone }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(runtimes !== null && runtimes !== undefined && { runtimes }),
    ...given({ docker_host: dockerHost }),
    ...(isServer ? linkOf(input) : given({ address: wish.address })),
    ...serversOf(input),
    ...(isServer && seeds.length > 1 && { seeds: seeds.map(({ text }) => text) }),
    join_token_file: secretFile,
  }
  return {
    data_dir: volume,
    ...(isServer && given({ listen_addr: wish.listen })),
    ...(isServer && Object.keys(backend).length > 0 && { backend }),
    node,
  }
}

/** Several servers that name no store keep one themselves. */
function backendFor({ seeds, wish: { backend } }: InstallInput): BackendSection {
  const type = backend['type'] ?? (seeds.length > 1 ? 'managed-etcd' : undefined)
  if (type !== 'managed-etcd') return backend
  return { ...backend, type, seeds: seeds.map(({ text }) => text) }
}

function requireFit({ seeds, standing: { role }, secret, wish: { backend } }: InstallInput): void {
  if (secret.kind === 'token' && secret.token.role !== role) {
    throw new OperationalError(
      'USAGE',
      `the token lets in ${secret.token.role}s, and by --seeds this machine is ${role === 'agent' ? 'an agent' : 'a server'}`,
    )
  }
  const { type } = backend
  if (role === 'server' && seeds.length > 1 && (type === 'sqlite' || type === 'memory')) {
    throw new OperationalError(
      'USAGE',
      `${seeds.length} servers need a store that all of them reach, and ${type} is on one machine`,
      {
        hint: 'leave --backend-type out, so that the servers keep the store themselves; or name one server',
      },
    )
  }
}

/** A server listens at its own entry; where that is a name, or an address that is translated, everywhere. */
function linkOf({ seeds, standing, own }: InstallInput): Pick<NodeSection, 'link' | 'advertise'> {
  const seed = standing.position === null ? undefined : seeds[standing.position]
  if (seed === undefined) return {}
  const host = own.has(seed.host) ? seed.host : '0.0.0.0'
  return { link: `${host.includes(':') ? `[${host}]` : host}:${seed.port}`, advertise: seed.host }
}

/** Whom to ask. The first server of a cluster with a secret makes the cluster; with a token it joins one that is there. */
function serversOf({ seeds, standing: { position }, secret }: InstallInput): Pick<NodeSection, 'servers'> {
  if (position === 0 && secret.kind === 'clusterSecret') return {}
  const others = seeds.filter((_, at) => at !== position)
  if (others.length === 0) {
    throw new OperationalError('USAGE', 'a token is given, and there is no other server that could have made it', {
      hint: 'begin a cluster with a secret of your own, 16 letters and digits or more',
    })
  }
  return { servers: others.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`) }
}

function given<K extends string>(values: Readonly<Record<K, string | null>>): { [N in K]?: string } {
  const some: { [N in K]?: string } = {}
  for (const name in values) {
    const value = values[name]
    if (value !== null) some[name] = value
  }
  return some
}

/** What is set otherwise in `now` than in `before`, one line each. */
export function differences(before: NodeSettings, now: NodeSettings): readonly string[] {
  const [old, wanted] = [flat(before), flat(now)]
  const names = [...new Set([...old.keys(), ...wanted.keys()])].sort()
  return names
    .filter((name) => old.get(name) !== wanted.get(name))
    .map((name) => `${name}: ${old.get(name) ?? '(not set)'} → ${wanted.get(name) ?? '(not set)'}`)
}

function flat(value: object, prefix = ''): Map<string, string> {
  const all = new Map<string, string>()
  for (const [name, part] of Object.entries(value)) {
    const path = prefix === '' ? name : `${prefix}.${name}`
    if (typeof part !== 'object' || part === null) all.set(path, String(part))
    else if (Array.isArray(part)) all.set(path, part.join(','))
    else for (const [deeper, text] of flat(part, path)) all.set(deeper, text)
  }
  return all
}

/** The file of a node. JSON texts are YAML texts, so nothing has to be quoted by rules of its own. */
export function settingsText({ data_dir, listen_addr, backend, node }: NodeSettings): string {
  const lines = [
    '# Written by `gantry install`. `gantry node set` changes what the cluster knows of the node.',
    `data_dir: ${JSON.stringify(data_dir)}`,
  ]
  if (listen_addr !== undefined) lines.push(`listen_addr: ${JSON.stringify(listen_addr)}`)
  for (const [section, values] of Object.entries({ backend, node })) {
    if (values === undefined) continue
    lines.push(`${section}:`, ...Object.entries(values).map(([name, value]) => `  ${name}: ${valueText(name, value)}`))
  }
  return `${lines.join('\n')}\n`
}

/** The file has ports as numbers, options as text. */
function valueText(name: string, value: unknown): string {
  return JSON.stringify(name.endsWith('_port') ? Number(value) : value)
}
