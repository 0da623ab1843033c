import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/drivers/clock.ts'
import { systemRng } from '../../src/drivers/rng.ts'
import { openStore, type StoreOptions } from '../../src/main/open-store.ts'
import type { Store } from '../../src/ports/store.ts'
import { TEST_TLS } from '../test-tls.ts'
import { anEtcd, etcdTests } from './etcd-tests.ts'
import { TestZooKeeper } from './zookeeper.ts'
import { closeLater, openClient } from './zookeeper-bed.ts'
import { zookeeperTests } from './zookeeper-tests.ts'

let directory: string
let tls: { readonly ca: string; readonly cert: string; readonly key: string }

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-open-store-'))
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const cert = write('cert.pem', TEST_TLS.cert)
  tls = { ca: cert, cert, key: write('key.pem', TEST_TLS.key) }
  write('password', 'secret\n')
})

afterAll(() => rmSync(directory, { recursive: true }))

async function open(options: StoreOptions): Promise<Store> {
  const store = await openStore(options, { clock: systemClock(), rng: systemRng() })
  closeLater(() => store.close())
  return store
}

async function keeps(store: Store): Promise<void> {
  const writes = [{ put: 'desired/self', value: { revision: 4 } }] as const
  const outcome = await store.commit({ epoch: null, expect: [], writes, events: [] })
  expect(outcome).toEqual({ kind: 'committed', revision: 1 })
}

etcdTests(() => {
  test('etcd is opened with the files and the password of the options', async () => {
    const files = ['--cert-file', tls.cert, '--key-file', tls.key, '--trusted-ca-file', tls.ca, '--client-cert-auth']
    const server = await anEtcd(files, 'https')
    const options = {
      kind: 'etcd',
      endpoints: [server.address],
      namespace: 'a/b',
      user: null,
      tls,
      leaseTtlSeconds: 5,
      renewIntervalMs: 500,
      requestTimeoutMs: 2_000,
    } as const
    const store = await open(options)
    expect(store.kind).toBe('etcd')
    await keeps(store)
    await (await store.campaign('a', new AbortController().signal)).release()
    await expect(open({ ...options, tls: { ...tls, cert: null, key: null } })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    // This etcd has no users, and says so to whoever comes as one.
    const user = { name: 'gantry', password: { file: join(directory, 'password') } }
    await expect(open({ ...options, user })).rejects.toMatchObject({ code: 'PREREQUISITE' })
  })
})

zookeeperTests(() => {
  test('ZooKeeper is opened with the files, the password and the paths of the options', async () => {
    const server = await TestZooKeeper.start({ tls: TEST_TLS })
    closeLater(() => server.stop())
    const options = {
      kind: 'zookeeper',
      hosts: [server.secureHost],
      namespace: 'a/b',
      user: { name: 'gantry', password: { file: join(directory, 'password') } },
      tls,
      timeoutMs: 2_000,
      sessionPath: '/a/sessions',
    } as const
    const store = await open(options)
    expect(store.kind).toBe('zookeeper')
    await keeps(store)
    await (await store.campaign('a', new AbortController().signal)).release()
    await expect(openClient(server.host).get('/a/b/head')).rejects.toMatchObject({ code: 'PREREQUISITE' })
  })
})
