import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TEST_TLS } from '../../test/test-tls.ts'
import { systemClock } from '../drivers/clock.ts'
import { systemRng } from '../drivers/rng.ts'
import type { Store } from '../ports/store.ts'
import type { EtcdStoreOptions, StoreOptions, TlsFiles, ZooKeeperStoreOptions } from './open-store.ts'
import { openStore } from './open-store.ts'

/** Nobody listens there. */
const NOBODY = '127.0.0.1:1'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-open-store-'))
  const files = { cert: TEST_TLS.cert, key: TEST_TLS.key, password: 'secret\n', lines: 'secret\nand more\n', empty: '' }
  for (const [name, text] of Object.entries(files)) writeFileSync(file(name), text)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  writeFileSync(file('other-key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(file('damaged-key'), TEST_TLS.key.replace('MIGH', 'MIGG'))
  mkdirSync(file('directory'))
})

afterAll(() => rmSync(directory, { recursive: true }))

function file(name: string): string {
  return join(directory, name)
}

function open(options: StoreOptions): Promise<Store> {
  return openStore(options, { clock: systemClock(), rng: systemRng() })
}

function etcd(more: Partial<EtcdStoreOptions>): EtcdStoreOptions {
  return {
    kind: 'etcd',
    endpoints: [NOBODY],
    namespace: 'test',
    user: null,
    tls: null,
    leaseTtlSeconds: 10,
    renewIntervalMs: null,
    requestTimeoutMs: 300,
    ...more,
  }
}

function zookeeper(more: Partial<ZooKeeperStoreOptions>): ZooKeeperStoreOptions {
  return {
    kind: 'zookeeper',
    hosts: [NOBODY],
    namespace: 'test',
    user: null,
    tls: null,
    timeoutMs: 1_000,
    sessionPath: null,
    ...more,
  }
}

test.each(['memory', 'sqlite'] as const)('a store of the kind %s is opened and keeps what is written', async (kind) => {
  const store = await open(kind === 'memory' ? { kind } : { kind, path: file('state.db') })
  expect(store.kind).toBe(kind)
  const writes = [{ put: 'desired/self', value: { revision: 4 } }] as const
  expect(await store.commit({ epoch: null, expect: [], writes, events: [] })).toMatchObject({ kind: 'committed' })
  expect((await store.load()).records).toMatchObject([{ key: 'desired/self', value: { revision: 4 } }])
  await store.close()
})

test.each<[string, string, string]>([
  ['is not there', 'nowhere', 'there is no such file'],
  ['is a directory', 'directory', 'it is a directory'],
  ['is empty', 'empty', 'it does not hold one line'],
  ['has more than one line', 'lines', 'it does not hold one line'],
])('a file for a password that %s is refused, with its path and without its text', async (_, name, why) => {
  const user = { name: 'gantry', password: { file: file(name) } }
  for (const options of [etcd({ user }), zookeeper({ user })]) {
    const opening = open(options)
    await expect(opening).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(why) })
    await expect(opening).rejects.toThrow(file(name))
    await expect(opening).rejects.not.toThrow('secret')
  }
})

test.each<[string, Partial<TlsFiles>, string]>([
  ['an authority that is not there', { ca: 'nowhere' }, 'cannot read the certificates to trust'],
  ['an authority that is not in PEM', { ca: 'password' }, 'it is not in PEM'],
  ['a key that is not there', { cert: 'cert', key: 'nowhere' }, 'cannot read the key'],
  ['a key of another certificate', { cert: 'cert', key: 'other-key' }, 'cannot use'],
  ['a key that is damaged', { cert: 'cert', key: 'damaged-key' }, 'cannot use'],
  ['a certificate in place of the key', { cert: 'cert', key: 'cert' }, 'cannot use'],
])('%s is refused before anything is dialled', async (_, names, why) => {
  const path = (name: string | null | undefined): string | null => (name ? file(name) : null)
  const tls = { ca: path(names.ca), cert: path(names.cert), key: path(names.key) }
  for (const options of [etcd({ tls }), zookeeper({ tls })]) {
    const opening = open(options)
    await expect(opening).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(why) })
    await expect(opening).rejects.not.toThrow('secret')
  }
})

test.each<[string, StoreOptions]>([
  ['etcd', etcd({})],
  ['ZooKeeper', zookeeper({})],
])('where nobody listens %s is unavailable, and the error says where', async (_, options) => {
  const unavailable = { code: 'UNAVAILABLE', message: expect.stringContaining(NOBODY) }
  await expect(open(options)).rejects.toMatchObject(unavailable)
})

test.each<[string, StoreOptions]>([
  ['etcd', etcd({ namespace: 'a b' })],
  ['ZooKeeper', zookeeper({ namespace: 'a b' })],
])('a namespace that %s cannot have is refused', async (_, options) => {
  await expect(open(options)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})
