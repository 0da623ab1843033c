import { afterAll, beforeAll } from 'vitest'
import { EtcdStore } from '../../src/store/etcd/etcd-store.ts'
import { EtcdIntake } from '../../src/store/etcd/intake.ts'
import { ZooKeeperIntake } from '../../src/store/zookeeper/intake.ts'
import { ZooKeeperStore } from '../../src/store/zookeeper/zookeeper-store.ts'
import { intakeContract } from '../contract/intake.contract.ts'
import { etcdTests, sharedEtcd } from './etcd-tests.ts'
import { TestZooKeeper } from './zookeeper.ts'
import { AMBIENT, aRoot } from './zookeeper-bed.ts'
import { zookeeperTests } from './zookeeper-tests.ts'

etcdTests(() => {
  const etcd = sharedEtcd()

  intakeContract('etcd', async () => {
    const options = etcd().options()
    return { begin: (replace) => EtcdIntake.begin(options, replace), open: () => EtcdStore.open(options) }
  })
})

zookeeperTests(() => {
  let server: TestZooKeeper
  beforeAll(async () => {
    server = await TestZooKeeper.start()
  })
  afterAll(() => server.stop())

  intakeContract('zookeeper', async () => {
    const options = { hosts: [server.host], sessionTimeoutMs: 4_000, root: aRoot(), ...AMBIENT }
    return { begin: (replace) => ZooKeeperIntake.begin(options, replace), open: () => ZooKeeperStore.open(options) }
  })
})
