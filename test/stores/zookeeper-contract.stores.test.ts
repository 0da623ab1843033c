import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { ZooKeeperStore } from '../../src/store/zookeeper/zookeeper-store.ts'
import { storeContract } from '../contract/store.contract.ts'
import { TestZooKeeper } from './zookeeper.ts'
import { AMBIENT } from './zookeeper-bed.ts'
import { zookeeperTests } from './zookeeper-tests.ts'

zookeeperTests(() => {
  let server: TestZooKeeper

  beforeAll(async () => {
    server = await TestZooKeeper.start()
  })

  afterAll(() => server.stop())

  storeContract('zookeeper', async () => {
    const store = await ZooKeeperStore.open({
      hosts: [server.host],
      sessionTimeoutMs: 4_000,
      root: `/contract/${randomUUID()}`,
      ...AMBIENT,
    })
    return { store, dispose: async () => undefined }
  })
})
