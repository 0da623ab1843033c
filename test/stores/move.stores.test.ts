import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { backUp } from '../../src/control/backups.ts'
import { clusterOf } from '../../src/core/incarnation/raise.ts'
import { CLUSTER_KEY, keyOf, LEADERSHIP_KEY } from '../../src/core/model/objects.ts'
import { sha256 } from '../../src/drivers/backup-digest.ts'
import { backupFiles, writeBackup } from '../../src/drivers/backup-files.ts'
import { readBackupFile, stateIn } from '../../src/main/backup-file.ts'
import { Mover } from '../../src/main/move.ts'
import { openStore, type StoreOptions } from '../../src/main/open-store.ts'
import { planRestore, type RestoreOptions, restore } from '../../src/main/restore.ts'
import { stateAt } from '../../src/main/store-place.ts'
import { systemSurroundings } from '../../src/main/system-surroundings.ts'
import type { Snapshot, Write } from '../../src/ports/store.ts'
import { etcdTests, sharedEtcd } from './etcd-tests.ts'
import { TestZooKeeper } from './zookeeper.ts'
import { zookeeperTests } from './zookeeper-tests.ts'

const surroundings = systemSurroundings()
const silent = (): void => undefined

etcdTests(() =>
  zookeeperTests(() => {
    let directory: string
    const etcd = sharedEtcd()
    let zookeeper: TestZooKeeper
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'gantry-move-'))
      zookeeper = await TestZooKeeper.start()
    })
    afterAll(async () => {
      await zookeeper.stop()
      rmSync(directory, { recursive: true })
    })

    const inSqlite = (name: string): StoreOptions => ({ kind: 'sqlite', path: join(directory, name, 'state.db') })
    const inEtcd = (namespace: string): StoreOptions => ({
      kind: 'etcd',
      endpoints: [etcd().address],
      namespace,
      user: null,
      tls: null,
      leaseTtlSeconds: 2,
      renewIntervalMs: null,
      requestTimeoutMs: null,
    })
    const inZooKeeper = (namespace: string): StoreOptions => ({
      kind: 'zookeeper',
      hosts: [zookeeper.host],
      namespace,
      user: null,
      tls: null,
      timeoutMs: 4_000,
      sessionPath: null,
    })
    const move = async (source: StoreOptions, target: StoreOptions): Promise<number> => {
      await using mover = await Mover.open({
        source,
        target,
        dataDir: directory,
        socketPath: '',
        advertise: null,
        replace: false,
        surroundings,
      })
      await mover.plan()
      return (await mover.move(silent)).incarnation
    }

    test('a state goes from SQLite to etcd, to ZooKeeper and back, and is the same with each', async () => {
      const homes = [inSqlite('one'), inEtcd('moved'), inZooKeeper('moved'), inSqlite('two')]
      const [first = inSqlite('one')] = homes
      await begin(first)
      const before = await stateAt(first, surroundings)
      for (const [at, home] of homes.entries()) {
        const next = homes[at + 1]
        if (next !== undefined) expect(await move(home, next)).toBe(at + 2)
      }
      const after = await stateAt(inSqlite('two'), surroundings)
      const same = ({ records }: Snapshot): unknown[] =>
        records.filter(({ key }) => !/^(cluster|leadership|event)\//.test(key))
      expect(after === null || before === null ? null : same(after)).toEqual(before === null ? null : same(before))
      expect(after?.revision).toBe((before?.revision ?? 0) + 3)
      const events = after?.records.filter(({ key }) => key.startsWith('event/')) ?? []
      expect(events).toHaveLength(4)
      // Every home that was left says so.
      for (const home of homes.slice(0, -1)) {
        const left = await stateAt(home, surroundings)
        expect(clusterOf(left?.records ?? []).movedTo).toBeDefined()
        await expect(move(home, inEtcd('elsewhere'))).rejects.toMatchObject({ code: 'STORE_MOVED' })
      }
    })

    test('a state that a server leads is not moved', async () => {
      const home = inEtcd('led')
      await begin(home)
      const store = await openStore(home, surroundings)
      const lease = await store.campaign('a server', new AbortController().signal)
      await expect(move(home, inSqlite('led'))).rejects.toMatchObject({ code: 'PREREQUISITE' })
      await lease.release()
      await store.close()
      expect(await move(home, inSqlite('led'))).toBe(2)
    })

    test('a backup of one store is put back into another, and what was there is kept as a backup', async () => {
      const home = inSqlite('backed-up')
      await begin(home)
      const store = await openStore(home, surroundings)
      const backups = { digest: sha256, shelf: backupFiles(directory) }
      const { lines } = await backUp({ store, clock: surroundings.clock, backups, backupKey: () => null, version: '1' })
      const path = join(directory, 'a.gantry')
      await writeBackup(path, lines)
      await store.close()
      const state = stateIn(await readBackupFile(path, null))
      for (const target of [inEtcd('restored'), inZooKeeper('restored')]) {
        const options: RestoreOptions = {
          from: 'a.gantry',
          state,
          kind: 'restore',
          dataDir: directory,
          target,
          clusterKey: null,
          socketPath: join(directory, 'none.sock'),
          name: 'a',
          above: 0,
          version: '1',
          surroundings,
        }
        expect(await planRestore(options)).toMatchObject({ present: 'nothing', incarnation: { before: 1, after: 2 } })
        expect(await restore(options, false, silent)).toEqual({ incarnation: 2, kept: null })
        expect(await planRestore(options)).toMatchObject({ present: 'state', incarnation: { before: 1, after: 3 } })
        await expect(restore(options, false, silent)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
        const again = await restore(options, true, silent)
        expect(again.incarnation).toBe(3)
        const kept = await readBackupFile(again.kept ?? '', null)
        expect(kept.header).toMatchObject({ incarnation: 2 })
        const restored = await stateAt(target, surroundings)
        expect(restored?.revision).toBe(state.revision + 1_000_000)
      }
      expect(readdirSync(join(directory, 'backups'))).toHaveLength(2)
    })
  }),
)

/** A small state, as a server would have made it. */
async function begin(home: StoreOptions): Promise<void> {
  const store = await openStore(home, surroundings)
  const writes: Write[] = [
    { put: CLUSTER_KEY, value: { id: '0123456789abcdef', name: 'shop', incarnation: 1, createdAt: 1 } },
    { put: LEADERSHIP_KEY, value: { epoch: 4, holder: 'a', address: null, since: 1 } },
    { put: keyOf('service', 'web'), value: { name: 'web', attemptFloor: 3, retryAt: null } },
  ]
  const event = { kind: 'cluster.created', object: CLUSTER_KEY, service: null, message: '', by: 'a', at: 1 } as const
  await store.commit({ epoch: null, expect: [], writes, events: [event] })
  await store.close()
}
