import { afterAll, beforeAll, expect, test } from 'vitest'
import { TEST_TLS } from '../test-tls.ts'
import { TestZooKeeper } from './zookeeper.ts'
import { aRoot, commit, openStore, putService } from './zookeeper-bed.ts'
import { zookeeperTests } from './zookeeper-tests.ts'

zookeeperTests(() => {
  let server: TestZooKeeper

  beforeAll(async () => {
    server = await TestZooKeeper.start({ tls: TEST_TLS })
  })

  afterAll(() => server.stop())

  test('state is kept over TLS, with a certificate on both sides', async () => {
    const { cert, key } = TEST_TLS
    const root = aRoot()
    const store = await openStore(server.secureHost, root, { tls: { ca: cert, cert, key } })
    expect(await commit(store, [putService('a', 1)])).toEqual({ kind: 'committed', revision: 1 })
    const other = await openStore(server.host, root)
    expect((await other.load()).revision).toBe(1)
  })

  test('a ZooKeeper server that cannot prove who it is gets nothing', async () => {
    const { cert, key } = TEST_TLS
    await expect(openStore(server.secureHost, aRoot(), { tls: { cert, key } })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('self-signed certificate'),
    })
  })

  test('a store without a certificate of its own is sent away by a ZooKeeper server that wants one', async () => {
    await expect(openStore(server.secureHost, aRoot(), { tls: { ca: TEST_TLS.cert } })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/certificate|alert/),
    })
  })
})
