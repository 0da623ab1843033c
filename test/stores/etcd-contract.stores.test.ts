import { storeContract } from '../contract/store.contract.ts'
import { etcdTests, sharedEtcd } from './etcd-tests.ts'

etcdTests(() => {
  const etcd = sharedEtcd()

  storeContract('etcd', async () => ({ store: await etcd().open(), dispose: async () => undefined }))
})
