import { join } from 'node:path'
import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import type {
  EtcdStoreOptions,
  ManagedEtcdOptions,
  SharedMemoryOptions,
  StoreOptions,
  StoreUser,
  TlsFiles,
  ZooKeeperStoreOptions,
} from '../main/open-store.ts'
import { etcdEndpoints, zooKeeperHosts } from './store-servers.ts'
import type { Setting, SettingName, StoreSettings } from './store-settings.ts'
import { invalid, listOf, portOf, SETTING_NAMES, textOf, timeOf } from './store-settings.ts'

const KINDS = ['memory', 'sqlite', 'etcd', 'managed-etcd', 'zookeeper'] as const
type Kind = (typeof KINDS)[number]

const MANAGED: readonly SettingName[] = ['seeds', 'etcd_client_port', 'etcd_peer_port', 'etcd_program']

const DEFAULT_NAMESPACE = 'gantry'
/** Short, for a lease only chooses who tries to lead: epochs keep two from deciding at once. */
const ETCD_LEASE_MS: Millis = 3_000
/** Servers of ZooKeeper allow no session of less than two of their ticks, which are 2 s by default. */
const ZOOKEEPER_LEASE_MS: Millis = 6_000
const SHORTEST_LEASE_MS: Millis = 1_000

const NAMES: Readonly<Record<Kind, string>> = {
  memory: 'memory',
  sqlite: 'SQLite',
  etcd: 'etcd',
  'managed-etcd': 'an etcd that the servers run themselves',
  zookeeper: 'ZooKeeper',
}

/**
 * Where the state is kept, by the command line and an agent's file; what stands on the command line counts more. Every
 * setting takes effect, or is refused: USAGE for an option, CONFIG_INVALID for a line of the file. What a file says for
 * another store than its own has no effect, and `warn` is told so. No file is read.
 */
export function storeOptions(
  sources: { readonly flags: StoreSettings; readonly file: StoreSettings; readonly dataDir: string },
  warn: (line: string) => void,
): StoreOptions | ManagedEtcdOptions | SharedMemoryOptions {
  const settings = merge(sources.flags, sources.file)
  const kind = kindOf(settings)
  for (const name of SETTING_NAMES) refuseForeign(kind, settings[name], name, warn)
  switch (kind) {
    case 'memory':
      return memoryOptions(settings)
    case 'sqlite':
      return { kind, path: join(sources.dataDir, 'state.db') }
    case 'etcd':
      return etcdOptions(settings, warn)
    case 'managed-etcd':
      return managedEtcdOptions(settings)
    case 'zookeeper':
      return zooKeeperOptions(settings, warn)
  }
}

/** The same for a command that reads or writes the store by itself. Throws USAGE where servers hold the state in their memories. */
export function storeOutside(...of: Parameters<typeof storeOptions>): StoreOptions | ManagedEtcdOptions {
  const options = storeOptions(...of)
  if (options.kind !== 'shared-memory') return options
  throw new OperationalError('USAGE', 'a state in the memories of servers is gone with them', {
    hint: 'keep it in a store that lasts, for example --backend-type managed-etcd',
  })
}

function merge(flags: StoreSettings, file: StoreSettings): StoreSettings {
  const { etcd_password, ...rest } = file
  // Another spelling of what the option says.
  const kept = etcd_password !== undefined && flags.etcd_password_file === undefined ? { etcd_password } : {}
  return { ...rest, ...kept, ...flags }
}

function kindOf({ type }: StoreSettings): Kind {
  if (type === undefined) return 'sqlite'
  const kind = KINDS.find((known) => known === textOf(type))
  if (kind !== undefined) return kind
  throw invalid(type, `there is no store "${textOf(type)}"`, `use one of ${KINDS.join(', ')}`)
}

/** An option was meant; a file may be one that GoCluster wrote, with everything in it. */
function refuseForeign(
  kind: Kind,
  setting: Setting | undefined,
  name: SettingName,
  warn: (line: string) => void,
): void {
  const why = setting === undefined ? null : whyForeign(kind, name)
  if (setting === undefined || why === null) return
  if (setting.isFlag) throw invalid(setting, why, 'name the store with --backend-type')
  warn(`${setting.from} has no effect: ${why}`)
}

function whyForeign(kind: Kind, name: SettingName): string | null {
  if (name === 'type') return null
  const elsewhere = `the state is kept in ${NAMES[kind]}`
  if (kind === 'memory' && name === 'seeds') return null
  if (kind === 'memory' || kind === 'sqlite') return elsewhere
  if (MANAGED.includes(name)) return kind === 'managed-etcd' ? null : elsewhere
  if (kind === 'zookeeper' && name === 'renew_interval') {
    return 'a session of ZooKeeper is renewed six times within its timeout'
  }
  if (name === 'request_timeout') return kind === 'zookeeper' ? elsewhere : null
  if (name.startsWith('etcd_')) return kind === 'etcd' ? null : elsewhere
  if (name.startsWith('zk_')) return kind === 'zookeeper' ? null : elsewhere
  return null
}

/** One server alone has its state to itself. */
function memoryOptions({ seeds }: StoreSettings): StoreOptions | SharedMemoryOptions {
  const servers = seeds === undefined ? [] : listOf(seeds)
  return servers.length > 1 ? { kind: 'shared-memory', seeds: servers } : { kind: 'memory' }
}

function etcdOptions(settings: StoreSettings, warn: (line: string) => void): EtcdStoreOptions {
  const { etcd_password } = settings
  const tls = tlsOf(settings, 'etcd')
  const { endpoints, isSecure } = etcdEndpoints(settings.etcd_endpoints, tls !== null)
  if (etcd_password !== undefined) {
    warn(`${etcd_password.from} stands in the file in clear; etcd_password_file keeps it out of there`)
  }
  return {
    kind: 'etcd',
    endpoints,
    namespace: namespaceOf(settings),
    user: userOf(settings, 'etcd'),
    tls: tls ?? (isSecure ? { ca: null, cert: null, key: null } : null),
    ...etcdTimes(settings),
  }
}

function managedEtcdOptions(settings: StoreSettings): ManagedEtcdOptions {
  const { type, seeds, etcd_client_port, etcd_peer_port, etcd_program } = settings
  if (seeds === undefined && type !== undefined)
    throw invalid(type, 'no servers are named', 'give --seeds HOST,HOST,HOST')
  const clientPort = etcd_client_port === undefined ? 2379 : portOf(etcd_client_port)
  const peerPort = etcd_peer_port === undefined ? 2380 : portOf(etcd_peer_port)
  if (etcd_peer_port !== undefined && clientPort === peerPort) {
    throw invalid(etcd_peer_port, `clients are served at ${clientPort} already`)
  }
  return {
    kind: 'managed-etcd',
    seeds: seeds === undefined ? [] : listOf(seeds),
    clientPort,
    peerPort,
    program: etcd_program === undefined ? 'etcd' : textOf(etcd_program),
    namespace: namespaceOf(settings),
    ...etcdTimes(settings),
  }
}

function etcdTimes(
  settings: StoreSettings,
): Pick<EtcdStoreOptions, 'leaseTtlSeconds' | 'renewIntervalMs' | 'requestTimeoutMs'> {
  const { renew_interval, request_timeout } = settings
  const renewIntervalMs = renew_interval === undefined ? null : timeOf(renew_interval, 100)
  const leaseMs =
    settings.leader_ttl === undefined
      ? Math.max(ETCD_LEASE_MS, 3 * (renewIntervalMs ?? 0))
      : timeOf(settings.leader_ttl, SHORTEST_LEASE_MS)
  if (renew_interval !== undefined && (renewIntervalMs ?? 0) > leaseMs / 2) {
    throw invalid(renew_interval, `${textOf(renew_interval)} is more than half of what the lease lives, ${leaseMs} ms`)
  }
  return {
    leaseTtlSeconds: Math.ceil(leaseMs / 1_000),
    renewIntervalMs,
    requestTimeoutMs: request_timeout === undefined ? null : timeOf(request_timeout, 100),
  }
}

function zooKeeperOptions(settings: StoreSettings, warn: (line: string) => void): ZooKeeperStoreOptions {
  const { zk_session_path } = settings
  return {
    kind: 'zookeeper',
    hosts: zooKeeperHosts(settings.zk_hosts),
    namespace: namespaceOf(settings),
    user: userOf(settings, 'zk'),
    tls: tlsOf(settings, 'zk'),
    timeoutMs: sessionTimeout(settings, warn),
    sessionPath: zk_session_path === undefined ? null : pathOf(zk_session_path),
  }
}

/** In ZooKeeper the lease ends with the session, so the shorter wish keeps both promises. */
function sessionTimeout({ zk_timeout, leader_ttl }: StoreSettings, warn: (line: string) => void): Millis {
  const timeoutMs = zk_timeout === undefined ? null : timeOf(zk_timeout, SHORTEST_LEASE_MS)
  const leaseMs = leader_ttl === undefined ? null : timeOf(leader_ttl, SHORTEST_LEASE_MS)
  const ms = Math.min(timeoutMs ?? leaseMs ?? ZOOKEEPER_LEASE_MS, leaseMs ?? Number.POSITIVE_INFINITY)
  if (timeoutMs !== null && leaseMs !== null && timeoutMs !== leaseMs) {
    warn(`${zk_timeout?.from} and ${leader_ttl?.from} are one thing in ZooKeeper: the shorter counts, ${ms} ms`)
  }
  return ms
}

function pathOf(setting: Setting): string {
  const path = textOf(setting).replace(/\/+$/, '')
  if (/^(\/[\w.-]+)+$/.test(path)) return path
  throw invalid(setting, `"${textOf(setting)}" is no path in ZooKeeper`, 'give one like /gantry/sessions')
}

function namespaceOf({ namespace }: StoreSettings): string {
  if (namespace === undefined) return DEFAULT_NAMESPACE
  const name = textOf(namespace).replace(/^\/+|\/+$/g, '')
  if (/^[\w.-]+(\/[\w.-]+)*$/.test(name)) return name
  const hint = 'use letters, digits, dots, dashes and underscores, with slashes between parts'
  throw invalid(namespace, `"${textOf(namespace)}" is no namespace`, hint)
}

function userOf(settings: StoreSettings, prefix: 'etcd' | 'zk'): StoreUser | null {
  const username = settings[`${prefix}_username`]
  const file = settings[`${prefix}_password_file`]
  const text = prefix === 'etcd' ? settings.etcd_password : undefined
  if (file !== undefined && text !== undefined) throw invalid(file, `${text.from} gives a password too`)
  const password = file ?? text
  if (username === undefined) {
    if (password === undefined) return null
    throw invalid(password, 'a password needs a user', `give ${prefix}_username too`)
  }
  if (password === undefined) throw invalid(username, 'a user needs a password', `give ${prefix}_password_file too`)
  const name = textOf(username)
  if (prefix === 'zk' && name.includes(':')) throw invalid(username, 'ZooKeeper takes no colon in the name of a user')
  const value = textOf(password)
  return { name, password: password === file ? { file: value } : { text: value } }
}

function tlsOf(settings: StoreSettings, prefix: 'etcd' | 'zk'): TlsFiles | null {
  const [ca, cert, key] = (['ca', 'cert', 'key'] as const).map((part) => settings[`${prefix}_${part}_file`])
  if (cert !== undefined && key === undefined) throw invalid(cert, 'the key of the certificate is missing')
  if (key !== undefined && cert === undefined) throw invalid(key, 'the certificate of the key is missing')
  if (ca === undefined && cert === undefined) return null
  const path = (setting: Setting | undefined): string | null => (setting === undefined ? null : textOf(setting))
  return { ca: path(ca), cert: path(cert), key: path(key) }
}
