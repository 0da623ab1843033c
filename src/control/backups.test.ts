import { expect, test } from 'vitest'
import { memoryShelf } from '../../test/memory-shelf.ts'
import { readBackup } from '../core/backup/read.ts'
import { CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import { backupKey, sha256 } from '../drivers/backup-digest.ts'
import { systemClock } from '../drivers/clock.ts'
import { newClusterKey } from '../drivers/pki/seal.ts'
import type { Write } from '../ports/store.ts'
import { MemoryStore } from '../store/memory.ts'
import { type BackupDeps, createBackup, listBackups } from './backups.ts'

const KEY = backupKey(newClusterKey())

async function aServer(): Promise<BackupDeps & { readonly shelf: ReturnType<typeof memoryShelf> }> {
  const store = new MemoryStore()
  const shelf = memoryShelf()
  const writes: Write[] = [
    { put: CLUSTER_KEY, value: { id: 'c1', name: 'shop', incarnation: 2, createdAt: 1 } },
    { put: keyOf('service', 'web'), value: { name: 'web', attemptFloor: 0, retryAt: null } },
  ]
  await store.commit({ epoch: null, expect: [], writes, events: [] })
  const backups = { digest: sha256, shelf }
  return { store, shelf, clock: systemClock(), backups, backupKey: () => KEY, version: '1' }
}

test('a backup has everything at one revision, and is called by it', async () => {
  const server = await aServer()
  expect(await createBackup(null, server)).toMatchObject({ name: 'shop-2-1', records: 2, storeRevision: 1 })
  const { records, revision } = await server.store.load()
  const reading = readBackup(server.shelf.texts.get('shop-2-1') ?? '', sha256, KEY)
  expect(reading).toMatchObject({ kind: 'sound', authenticity: 'proven', records, header: { storeRevision: revision } })
})

test('those that are kept are listed; what is none is passed over', async () => {
  const server = await aServer()
  await createBackup('one', server)
  await server.shelf.put('garbage', ['hello\n'])
  expect((await listBackups(server)).map(({ name }) => name)).toEqual(['one'])
})

test('a name that could lead elsewhere is refused', async () => {
  const server = await aServer()
  for (const name of ['../up', '.hidden', 'a b', '']) {
    await expect(createBackup(name, server)).rejects.toMatchObject({ code: 'USAGE' })
  }
})
