import { Command } from 'commander'
import { expect, test } from 'vitest'
import { AGENT_KEYS } from '../core/manifest/agent-sections.ts'
import type { ManagedEtcdOptions, SharedMemoryOptions, StoreOptions } from '../main/open-store.ts'
import { storeOptions } from './store-options.ts'
import { SETTING_NAMES, STORE_FLAGS, settingsOfFlags, settingsOfSection } from './store-settings.ts'

/** What a command line and a file amount to, and what is said about it. */
function read(
  line: readonly string[],
  section: Readonly<Record<string, unknown>> = {},
): { readonly options: StoreOptions | ManagedEtcdOptions | SharedMemoryOptions; readonly warned: readonly string[] } {
  const command = new Command()
  for (const [flags, description] of STORE_FLAGS) command.option(flags, description)
  command.parse(line, { from: 'user' })
  const sources = { flags: settingsOfFlags(command.opts()), file: settingsOfSection(section), dataDir: '/d' }
  const warned: string[] = []
  return { options: storeOptions(sources, (text) => warned.push(text)), warned }
}

const ETCD = {
  kind: 'etcd',
  endpoints: ['localhost:2379'],
  namespace: 'gantry',
  user: null,
  tls: null,
  leaseTtlSeconds: 3,
  renewIntervalMs: null,
  requestTimeoutMs: null,
}
const ZOOKEEPER = {
  kind: 'zookeeper',
  hosts: ['localhost:2181'],
  namespace: 'gantry',
  user: null,
  tls: null,
  timeoutMs: 6_000,
  sessionPath: null,
}
const etcd = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({ type: 'etcd', ...more })
const zookeeper = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  type: 'zookeeper',
  ...more,
})

test.each<[string, readonly string[], Record<string, unknown>, unknown]>([
  ['nothing', [], {}, { kind: 'sqlite', path: '/d/state.db' }],
  ['SQLite by name', ['--backend-type', 'sqlite'], {}, { kind: 'sqlite', path: '/d/state.db' }],
  ['etcd', [], etcd(), ETCD],
  ['ZooKeeper', ['--backend-type', 'zookeeper'], {}, ZOOKEEPER],
  [
    'members of etcd',
    [],
    etcd({ etcd_endpoints: ['a', 'b:1', '[::1]:2', 'http://c/'] }),
    { ...ETCD, endpoints: ['a:2379', 'b:1', '[::1]:2', 'c:2379'] },
  ],
  [
    'members of etcd that speak TLS',
    ['--backend-type', 'etcd', '--etcd-endpoints', 'https://a:1, https://b:2'],
    {},
    { ...ETCD, endpoints: ['a:1', 'b:2'], tls: { ca: null, cert: null, key: null } },
  ],
  [
    'the user and the files of etcd',
    [],
    etcd({ etcd_username: 'u', etcd_password_file: 'p', etcd_ca_file: 'ca', etcd_cert_file: 'c', etcd_key_file: 'k' }),
    { ...ETCD, user: { name: 'u', password: { file: 'p' } }, tls: { ca: 'ca', cert: 'c', key: 'k' } },
  ],
  [
    'an option that replaces a password in the file',
    ['--etcd-password-file', 'p'],
    etcd({ etcd_username: 'u', etcd_password: 'secret' }),
    { ...ETCD, user: { name: 'u', password: { file: 'p' } } },
  ],
  [
    'the lease of etcd, in whole seconds',
    ['--leader-ttl', '14500ms', '--renew-interval', '2s', '--request-timeout', '3'],
    etcd(),
    { ...ETCD, leaseTtlSeconds: 15, renewIntervalMs: 2_000, requestTimeoutMs: 3_000 },
  ],
  [
    'a renewal that wants a longer lease',
    [],
    etcd({ renew_interval: '10s' }),
    { ...ETCD, leaseTtlSeconds: 30, renewIntervalMs: 10_000 },
  ],
  ['a namespace with slashes around it', [], etcd({ namespace: '/a/b/' }), { ...ETCD, namespace: 'a/b' }],
  [
    'servers, timeout and session path of ZooKeeper',
    [],
    zookeeper({
      namespace: 'gocluster',
      zk_hosts: ['a', 'b:1'],
      zk_timeout: '30s',
      zk_session_path: '/gocluster/sessions/',
      leader_ttl: '30s',
    }),
    {
      ...ZOOKEEPER,
      namespace: 'gocluster',
      hosts: ['a:2181', 'b:1'],
      timeoutMs: 30_000,
      sessionPath: '/gocluster/sessions',
    },
  ],
  ['a lease in ZooKeeper', [], zookeeper({ leader_ttl: '20s' }), { ...ZOOKEEPER, timeoutMs: 20_000 }],
  [
    'the user and the files of ZooKeeper',
    ['--backend-type', 'zookeeper', '--zk-username', 'u', '--zk-password-file', 'p', '--zk-ca-file', 'ca'],
    {},
    {
      ...ZOOKEEPER,
      user: { name: 'u', password: { file: 'p' } },
      tls: { ca: 'ca', cert: null, key: null },
    },
  ],
  [
    'an option against the file',
    ['--backend-type', 'etcd', '--backend-namespace', 'b'],
    { type: 'zookeeper', namespace: 'a' },
    { ...ETCD, namespace: 'b' },
  ],
])('the store is chosen by %s', (_, line, section, expected) => {
  expect(read(line, section)).toEqual({ options: expected, warned: [] })
})

test.each<[string, readonly string[], Record<string, unknown>, string]>([
  ['a store that there is not', ['--backend-type', 'redis'], {}, 'there is no store "redis"'],
  ['an empty list of members', [], etcd({ etcd_endpoints: [] }), 'backend.etcd_endpoints: it must name one at least'],
  ['a gap in a list', ['--backend-type', 'zookeeper', '--zk-hosts', 'a,,b'], {}, 'none may be empty'],
  ['a member without a port number', [], etcd({ etcd_endpoints: ['a:x'] }), '"a:x" is not host:port'],
  ['a port that cannot be', [], zookeeper({ zk_hosts: ['a:65536'] }), '"a:65536" is not host:port'],
  ['two schemes', [], etcd({ etcd_endpoints: ['http://a', 'https://b'] }), 'some are http and some are https'],
  ['files for TLS and http', [], etcd({ etcd_endpoints: ['http://a'], etcd_ca_file: 'c' }), 'http is in clear'],
  ['a namespace that cannot be', [], etcd({ namespace: 'a b' }), '"a b" is no namespace'],
  ['a certificate without its key', [], etcd({ etcd_cert_file: 'c' }), 'the key of the certificate is missing'],
  ['a key without its certificate', [], zookeeper({ zk_key_file: 'k' }), 'the certificate of the key is missing'],
  ['a user without a password', [], etcd({ etcd_username: 'u' }), 'a user needs a password'],
  ['a password without a user', [], etcd({ etcd_password: 'secret' }), 'a password needs a user'],
  [
    'two passwords',
    [],
    etcd({ etcd_username: 'u', etcd_password: 'secret', etcd_password_file: 'p' }),
    'backend.etcd_password gives a password too',
  ],
  ['a user that ZooKeeper cannot have', [], zookeeper({ zk_username: 'a:b', zk_password_file: 'p' }), 'no colon'],
  ['a time that is none', [], zookeeper({ zk_timeout: 'soon' }), '"soon" is no time'],
  ['a lease that is too short', [], etcd({ leader_ttl: '200ms' }), '200ms is not between 1000 ms and 1 h'],
  ['renewals that come too late', [], etcd({ leader_ttl: '10s', renew_interval: '6s' }), 'more than half'],
  ['a session path that is none', [], zookeeper({ zk_session_path: 'sessions' }), '"sessions" is no path in ZooKeeper'],
  ['an option for another store', ['--etcd-endpoints', 'a'], {}, 'the state is kept in SQLite'],
  [
    'renewals of ZooKeeper by an option',
    ['--renew-interval', '1s'],
    zookeeper(),
    'renewed six times within its timeout',
  ],
])('of settings for the store %s is refused', (_, line, section, message) => {
  const code = line.length > 0 ? 'USAGE' : 'CONFIG_INVALID'
  const wrong = (): unknown => read(line, section)
  expect(wrong).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
  expect(wrong).not.toThrow('secret')
})

test('what a file says for other stores than its own is told to have no effect', () => {
  const { options, warned } = read([], zookeeper({ etcd_endpoints: ['a'], renew_interval: '10s' }))
  expect(options).toEqual(ZOOKEEPER)
  expect(warned).toEqual([
    'backend.etcd_endpoints has no effect: the state is kept in ZooKeeper',
    'backend.renew_interval has no effect: a session of ZooKeeper is renewed six times within its timeout',
  ])
})

test('of two wishes for the lease in ZooKeeper the shorter counts, and that is said', () => {
  const { options, warned } = read([], zookeeper({ zk_timeout: '10s', leader_ttl: '30s' }))
  expect(options).toMatchObject({ timeoutMs: 10_000 })
  expect(warned).toEqual([
    'backend.zk_timeout and backend.leader_ttl are one thing in ZooKeeper: the shorter counts, 10000 ms',
  ])
})

test('state in memory has no namespace', () => {
  const { options, warned } = read([], { type: 'memory', namespace: 'gocluster-default' })
  expect(options).toEqual({ kind: 'memory' })
  expect(warned).toEqual(['backend.namespace has no effect: the state is kept in memory'])
})

test('with seeds the state is in the memories of several servers', () => {
  const { options } = read(['--backend-type', 'memory', '--seeds', '10.0.0.1,10.0.0.2'])
  expect(options).toEqual({ kind: 'shared-memory', seeds: ['10.0.0.1', '10.0.0.2'] })
  expect(read(['--backend-type', 'memory', '--seeds', '10.0.0.1']).options).toEqual({ kind: 'memory' })
})

test('a password in a file of settings is taken, and warned of without being shown', () => {
  const { options, warned } = read([], etcd({ etcd_username: 'u', etcd_password: 'secret' }))
  expect(options).toMatchObject({ user: { name: 'u', password: { text: 'secret' } } })
  expect(warned).toEqual([
    'backend.etcd_password stands in the file in clear; etcd_password_file keeps it out of there',
  ])
})

test('every setting of the section has its option, but for the password, and the other way round', () => {
  const { backend } = AGENT_KEYS
  expect(Object.keys(backend.shape).toSorted()).toEqual(SETTING_NAMES.toSorted())
  const named = STORE_FLAGS.map(([flags]) => flags.replace(/ .*/, ''))
  const known = SETTING_NAMES.map(
    (name) =>
      ({ type: '--backend-type', namespace: '--backend-namespace' })[name as 'type'] ??
      `--${name.replaceAll('_', '-')}`,
  )
  expect(named.toSorted()).toEqual(known.filter((flag) => flag !== '--etcd-password').toSorted())
})
