import { expect, test } from 'vitest'
import { prepareKeyChange } from '../core/identity/key-change.ts'
import { objectOf } from '../core/incarnation/raise.ts'
import { AUTHORITY_KEY, CLUSTER_KEY } from '../core/model/objects.ts'
import { newAuthorityRecord, openAuthority } from '../drivers/pki/authority-record.ts'
import { newClusterKey } from '../drivers/pki/seal.ts'
import type { Snapshot, StoreRecord } from '../ports/store.ts'
import { resealState } from './reseal-state.ts'

const CLUSTER = { id: '0123456789abcdef', name: 'shop', incarnation: 2, createdAt: 1 }
const [old, present] = [newClusterKey(), newClusterKey()]

async function aState(): Promise<Snapshot> {
  const authority = prepareKeyChange(await newAuthorityRecord(old, CLUSTER.id, Date.now()), 'next', 1)
  const objects = [
    [AUTHORITY_KEY, authority],
    [CLUSTER_KEY, CLUSTER],
    ['token/t1', { id: 't1' }],
  ] as const
  return { revision: 9, records: objects.map(([key, value]) => ({ key, value, revision: 5 }) as StoreRecord) }
}

test('a state from before a change of the cluster key goes on with the present one, without its join tokens', async () => {
  const before = await aState()
  const { revision, records } = resealState(before, old, present)
  expect(revision).toBe(before.revision)
  expect(records.map(({ key }) => key)).toEqual([AUTHORITY_KEY, CLUSTER_KEY])
  const [was, is] = [objectOf(before.records, AUTHORITY_KEY), objectOf(records, AUTHORITY_KEY)]
  if (was === null || is === null) throw new Error('there is an authority')
  expect(is.keyChange).toBeUndefined()
  expect(openAuthority(present, CLUSTER.id, is.signing)).toEqual(openAuthority(old, CLUSTER.id, was.signing))
})

test('a key that is not that of the state is refused', async () => {
  const before = await aState()
  expect(() => resealState(before, newClusterKey(), present)).toThrow('another cluster key')
})
