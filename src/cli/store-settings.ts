import { OperationalError } from '../core/errors.ts'
import { DURATION_FORM, parseDuration } from '../core/manifest/units.ts'
import type { Millis } from '../core/model/ids.ts'

/** Settings of the store as GoCluster names them in `backend:`, and as options name them. */
const FLAGS = {
  type: '--backend-type',
  namespace: '--backend-namespace',
  seeds: '--seeds',
  etcd_client_port: '--etcd-client-port',
  etcd_peer_port: '--etcd-peer-port',
  etcd_program: '--etcd-program',
  etcd_endpoints: '--etcd-endpoints',
  etcd_username: '--etcd-username',
  etcd_password: null,
  etcd_password_file: '--etcd-password-file',
  etcd_ca_file: '--etcd-ca-file',
  etcd_cert_file: '--etcd-cert-file',
  etcd_key_file: '--etcd-key-file',
  zk_hosts: '--zk-hosts',
  zk_timeout: '--zk-timeout',
  zk_session_path: '--zk-session-path',
  zk_username: '--zk-username',
  zk_password_file: '--zk-password-file',
  zk_ca_file: '--zk-ca-file',
  zk_cert_file: '--zk-cert-file',
  zk_key_file: '--zk-key-file',
  leader_ttl: '--leader-ttl',
  renew_interval: '--renew-interval',
  request_timeout: '--request-timeout',
} as const

export type SettingName = keyof typeof FLAGS
export const SETTING_NAMES = Object.keys(FLAGS) as SettingName[]

/** One setting as it was given. */
export interface Setting {
  /** `--etcd-endpoints` or `backend.etcd_endpoints`: what an error names. */
  readonly from: string
  readonly isFlag: boolean
  readonly value: string | readonly string[]
}

export type StoreSettings = Readonly<Partial<Record<SettingName, Setting>>>

/** Options for the store, for help; `settingsOfFlags` takes what commander makes of them. */
export const STORE_FLAGS: readonly (readonly [flags: string, description: string])[] = [
  ['--backend-type <kind>', 'where the state is kept: sqlite (default), managed-etcd, etcd, zookeeper, memory'],
  ['--backend-namespace <name>', 'under which name in etcd or ZooKeeper (default: gantry)'],
  [
    '--seeds <list>',
    'all servers of managed-etcd or memory, host or host:port of --link; the first founds the cluster',
  ],
  ['--etcd-client-port <port>', 'where managed-etcd serves, the same on every server (default: 2379)'],
  ['--etcd-peer-port <port>', 'where its members talk to each other (default: 2380)'],
  ['--etcd-program <path>', 'etcd’s program for managed-etcd (default: etcd)'],
  ['--etcd-endpoints <list>', 'members of etcd, host:port (default: localhost:2379)'],
  ['--etcd-username <name>', 'user of etcd'],
  ['--etcd-password-file <file>', 'file with that user’s password'],
  ['--etcd-ca-file <file>', 'authority that signed etcd’s certificates; turns TLS on'],
  ['--etcd-cert-file <file>', 'certificate of this server for etcd'],
  ['--etcd-key-file <file>', 'key of that certificate'],
  ['--zk-hosts <list>', 'servers of ZooKeeper, host:port (default: localhost:2181)'],
  ['--zk-timeout <time>', 'session timeout of ZooKeeper, and so of the lease (default: 6s)'],
  ['--zk-session-path <path>', 'where in ZooKeeper candidates for the lease stand (default: with the state)'],
  ['--zk-username <name>', 'user of ZooKeeper (digest)'],
  ['--zk-password-file <file>', 'file with that user’s password'],
  ['--zk-ca-file <file>', 'authority that signed ZooKeeper’s certificates; turns TLS on'],
  ['--zk-cert-file <file>', 'certificate of this server for ZooKeeper'],
  ['--zk-key-file <file>', 'key of that certificate'],
  ['--leader-ttl <time>', 'how long the lease outlives its holder (default: 3s with etcd, 6s with ZooKeeper)'],
  ['--renew-interval <time>', 'time between two renewals of a lease of etcd (default: a third of --leader-ttl)'],
  ['--request-timeout <time>', 'within this everything that is asked of etcd is answered (default: 5s)'],
]

/** Those of the store among parsed options (`{ etcdEndpoints: 'a,b' }`); the rest is passed over. */
export function settingsOfFlags(flags: Readonly<Record<string, unknown>>): StoreSettings {
  const settings: Partial<Record<SettingName, Setting>> = {}
  for (const name of SETTING_NAMES) {
    const from = FLAGS[name]
    const key = from?.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
    const value = key === undefined ? undefined : flags[key]
    if (from !== null && typeof value === 'string') settings[name] = { from, isFlag: true, value }
  }
  return settings
}

/** Those in the section `backend` of an agent's file. Empty text sets nothing, as GoCluster's samples have it. */
export function settingsOfSection(section: Readonly<Record<string, unknown>>): StoreSettings {
  const settings: Partial<Record<SettingName, Setting>> = {}
  for (const name of SETTING_NAMES) {
    const given = section[name]
    const value = typeof given === 'number' ? String(given) : given
    const isList = Array.isArray(value) && value.every((item) => typeof item === 'string')
    if ((typeof value === 'string' && value !== '') || isList) {
      settings[name] = { from: `backend.${name}`, isFlag: false, value }
    }
  }
  return settings
}

/** The refusal of a setting: the fault of the command line or of the file. */
export function invalid({ from, isFlag }: Setting, why: string, hint = ''): OperationalError {
  return new OperationalError(isFlag ? 'USAGE' : 'CONFIG_INVALID', `cannot use ${from}: ${why}`, { hint })
}

export function textOf(setting: Setting): string {
  const { value } = setting
  if (typeof value === 'string' && value.trim() !== '') return value.trim()
  throw invalid(setting, 'it must be one text that is not empty')
}

/** Items of a list, or of text with commas. */
export function listOf(setting: Setting): readonly string[] {
  const { value } = setting
  const items = (typeof value === 'string' ? value.split(',') : value).map((item) => item.trim())
  if (items.length > 0 && items.every((item) => item !== '')) return items
  throw invalid(setting, 'it must name one at least, and none may be empty')
}

/** A port of TCP. */
export function portOf(setting: Setting): number {
  const text = textOf(setting)
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port
  throw invalid(setting, `"${text}" is no port`)
}

const LONGEST_MS: Millis = 3_600_000

/** A time from `least` to an hour. */
export function timeOf(setting: Setting, least: Millis): Millis {
  const ms = parseDuration(textOf(setting))
  if (ms === null) throw invalid(setting, `"${textOf(setting)}" is no time`, `write ${DURATION_FORM}`)
  if (ms >= least && ms <= LONGEST_MS) return ms
  throw invalid(setting, `${textOf(setting)} is not between ${least} ms and 1 h`)
}
