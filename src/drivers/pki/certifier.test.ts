import { beforeAll, expect, test } from 'vitest'
import { CLUSTER_ID } from '../../../test/pki-bed.ts'
import { parseJoinToken } from '../../core/identity/join-token.ts'
import { finishKeyChange, prepareKeyChange, presentKey, switchKey, wantedKeys } from '../../core/identity/key-change.ts'
import type { CertificateAuthority } from '../../core/model/identity.ts'
import { newAuthorityRecord } from './authority-record.ts'
import { keyedCertifier } from './certifier.ts'
import { asClusterKeys, type ClusterKeys, KeyRing } from './key-ring.ts'
import { newClusterKey } from './seal.ts'

const NOW = Date.now()
const WISH = { role: 'agent', createdBy: 'ann', now: NOW } as const
const clusterKey = newClusterKey()
let authority: CertificateAuthority
beforeAll(async () => {
  authority = await newAuthorityRecord(clusterKey, CLUSTER_ID, NOW)
})

/** A server that holds these keys, as `kept` has them now. */
function aServer(kept: () => ClusterKeys) {
  return keyedCertifier(new KeyRing(kept))
}

test('each server goes by the key that the authority is sealed with, before and after the change, whatever its order', () => {
  let keys: readonly Buffer[] = [clusterKey]
  const leader = aServer(() => asClusterKeys(keys))
  const prepared = prepareKeyChange(authority, leader.drawKey(), NOW)
  keys = (leader.keyTexts(wantedKeys(prepared)) ?? []).map((text) => Buffer.from(text, 'hex'))
  expect(keys).toHaveLength(2)
  const { text, record } = leader.newToken(prepared, WISH)
  const { secret } = parseJoinToken(text)
  expect(aServer(() => asClusterKeys(keys)).secretMatches(prepared, record, secret)).toBe(true)

  const [, next = ''] = wantedKeys(prepared)
  const switched = switchKey(prepared, leader.reseal(prepared, CLUSTER_ID, next), NOW)
  expect(presentKey(switched)).toBe(next)
  const other = aServer(() => asClusterKeys(keys))
  // A token of the old key lets nobody in, though the old key is still there.
  expect(other.secretMatches(switched, record, secret)).toBe(false)
  expect(other.backupKey(switched).id).toBe(next)
  const life = { clusterId: CLUSTER_ID, incarnation: 2, at: NOW }
  expect(other.prove(finishKeyChange(switched), life).chain).toEqual([authority.signing.certificate])
})

test('a server that lacks the key says so, and gives none away in its place', () => {
  const server = aServer(() => ({ clusterKey: newClusterKey() }))
  expect(server.keyTexts([presentKey(authority)])).toBeNull()
  expect(() => server.newToken(authority, WISH)).toThrow('sealed with another cluster key')
})
