import { OperationalError } from '../core/errors.ts'
import type { StateIntake } from '../ports/intake.ts'
import { etcdOptions, type StoreOptions, type StoreSurroundings, zooKeeperOptions } from './open-store.ts'

/**
 * Begins to take a whole state in where a store would be opened. `replacing`: what is appended to the names of files that
 * are moved aside; in etcd and ZooKeeper what is there is removed. null: nothing may be there. Throws ALREADY_EXISTS, and
 * what opening a store throws.
 */
export async function openIntake(
  options: StoreOptions,
  replacing: string | null,
  surroundings: StoreSurroundings,
): Promise<StateIntake> {
  switch (options.kind) {
    case 'memory':
      throw new OperationalError('USAGE', 'a state cannot be put into memory: it would be gone with this command', {
        hint: 'name sqlite, etcd or zookeeper',
      })
    case 'sqlite':
      return (await import('../store/sqlite-intake.ts')).SqliteIntake.begin(options.path, replacing)
    case 'etcd': {
      const { EtcdIntake } = await import('../store/etcd/intake.ts')
      return EtcdIntake.begin(etcdOptions(options, surroundings), replacing !== null)
    }
    case 'zookeeper': {
      const { ZooKeeperIntake } = await import('../store/zookeeper/intake.ts')
      return ZooKeeperIntake.begin(zooKeeperOptions(options, surroundings), replacing !== null)
    }
  }
}
