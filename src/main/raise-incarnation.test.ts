import { expect, test } from 'vitest'
import type { NewLife } from '../core/incarnation/raise.ts'
import { AUTHORITY_KEY, CLUSTER_KEY, type Key, keyOf, LEADERSHIP_KEY } from '../core/model/objects.ts'
import { newAuthorityRecord } from '../drivers/pki/authority-record.ts'
import { isIncarnationProven } from '../drivers/pki/incarnation-proof.ts'
import { newClusterKey } from '../drivers/pki/seal.ts'
import type { Store, StoreRecord, Write } from '../ports/store.ts'
import { MemoryStore } from '../store/memory.ts'
import { raiseIncarnation } from './raise-incarnation.ts'

const ID = '0123456789abcdef'
const KEY = newClusterKey()
const NOW = Date.now()
const LIFE: NewLife = { kind: 'recovery', by: 'a user', at: NOW, because: 'one member was left', above: 0 }

async function aState(tokens: number): Promise<{ readonly store: Store; readonly bundle: string }> {
  const store = new MemoryStore()
  const authority = await newAuthorityRecord(KEY, ID, NOW)
  const writes: Write[] = [
    { put: CLUSTER_KEY, value: { id: ID, name: 'shop', incarnation: 1, createdAt: 1 } },
    { put: LEADERSHIP_KEY, value: { epoch: 4, holder: 'a', address: '10.0.0.1:7947', since: 1 } },
    { put: AUTHORITY_KEY, value: authority },
  ]
  await store.commit({ epoch: null, expect: [], writes, events: [] })
  for (let i = 0; i < tokens; i++) {
    const id = `t${i}`
    const token = { id, role: 'agent', secretHash: '', createdBy: 'a', createdAt: 1, expiresAt: 2 } as const
    const value = { ...token, usesLeft: null, revokedAt: null }
    await store.commit({ epoch: null, expect: [], writes: [{ put: keyOf('token', id), value }], events: [] })
  }
  return { store, bundle: authority.bundle.join('') }
}

async function read<K extends 'cluster' | 'leadership'>(store: Store, key: Key<K>): Promise<StoreRecord<K>['value']> {
  const { records } = await store.load()
  return records.find((record) => record.key === key)?.value as StoreRecord<K>['value']
}

test('a state is raised where it is: signed, fencing who led, and without its join tokens', async () => {
  const { store, bundle } = await aState(250)
  expect(await raiseIncarnation(store, LIFE, KEY)).toBe(2)
  const cluster = await read<'cluster'>(store, CLUSTER_KEY)
  expect(cluster).toMatchObject({ id: ID, incarnation: 2, keepsUnknown: true })
  expect(isIncarnationProven(bundle, { clusterId: ID, incarnation: 2 }, cluster.proof ?? null)).toBe(true)
  expect(await read<'leadership'>(store, LEADERSHIP_KEY)).toMatchObject({ epoch: 5, address: null })
  const { records } = await store.load()
  expect(records.filter(({ key }) => key.startsWith('token/'))).toEqual([])
  const old = await store.commit({ epoch: 4, expect: [], writes: [], events: [] })
  expect(old).toEqual({ kind: 'fenced', epoch: 5 })
  expect(await raiseIncarnation(store, { ...LIFE, above: 7 }, KEY)).toBe(8)
})

test('without the cluster key, or with another one, nothing is raised', async () => {
  const { store } = await aState(1)
  const before = await store.load()
  await expect(raiseIncarnation(store, LIFE, null)).rejects.toMatchObject({ code: 'PREREQUISITE' })
  await expect(raiseIncarnation(store, LIFE, newClusterKey())).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  expect(await store.load()).toEqual(before)
})

test('who writes at the same time is noticed', async () => {
  const { store } = await aState(1)
  const busy: Store = Object.assign(Object.create(store) as Store, {
    load: async () => {
      const state = await store.load()
      const writes = [{ put: CLUSTER_KEY, value: { id: ID, name: 'other', incarnation: 1, createdAt: 1 } }] as const
      await store.commit({ epoch: null, expect: [], writes, events: [] })
      return state
    },
    commit: (commit: Parameters<Store['commit']>[0]) => store.commit(commit),
  })
  await expect(raiseIncarnation(busy, LIFE, KEY)).rejects.toMatchObject({ code: 'CONFLICT' })
})
