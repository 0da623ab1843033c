import { afterAll, beforeAll } from 'vitest'
import { storeContract } from '../contract/store.contract.ts'
import { TestEtcd } from './etcd.ts'
import { etcdTests } from './etcd-tests.ts'

etcdTests(() => {
  let etcd: TestEtcd

  beforeAll(async () => {
    etcd = await TestEtcd.start()
  })

  afterAll(() => etcd.stop())

  storeContract('etcd', async () => ({ store: await etcd.open(), dispose: async () => undefined }))
})
