import { afterAll, beforeAll } from 'vitest'
import { storeContract } from '../contract/store.contract.ts'
import { etcdTests, TestEtcd } from './etcd.ts'

etcdTests(() => {
  let etcd: TestEtcd

  beforeAll(async () => {
    etcd = await TestEtcd.start()
  })

  afterAll(() => etcd.stop())

  storeContract('etcd', async () => ({ store: await etcd.open(), dispose: async () => undefined }))
})
