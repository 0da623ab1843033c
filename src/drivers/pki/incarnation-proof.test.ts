import { expect, test } from 'vitest'
import { finishRotation, switchAuthority } from '../../core/identity/rotation.ts'
import type { CertificateAuthority } from '../../core/model/identity.ts'
import { newAuthorityRecord, prepareNextAuthority } from './authority-record.ts'
import { isIncarnationProven, proveIncarnation } from './incarnation-proof.ts'
import { newClusterKey } from './seal.ts'

const CLUSTER = '0123456789abcdef'
const NOW = Date.now()
const KEY = newClusterKey()
const life = { clusterId: CLUSTER, incarnation: 3, at: NOW }
const bundleOf = ({ bundle }: CertificateAuthority): string => bundle.join('')

test('an agent believes the authority that it trusts, for that cluster and that incarnation alone', async () => {
  const authority = await newAuthorityRecord(KEY, CLUSTER, NOW)
  const proof = proveIncarnation(KEY, authority, life)
  const bundle = bundleOf(authority)
  expect(isIncarnationProven(bundle, life, proof)).toBe(true)
  expect(isIncarnationProven(bundle, { ...life, incarnation: 4 }, proof)).toBe(false)
  expect(isIncarnationProven(bundle, { ...life, clusterId: 'fedcba9876543210' }, proof)).toBe(false)
  expect(isIncarnationProven(bundle, life, { ...proof, at: NOW + 1 })).toBe(false)
  expect(isIncarnationProven(bundle, life, null)).toBe(false)
})

test('another authority proves nothing, whatever chain it shows', async () => {
  const authority = await newAuthorityRecord(KEY, CLUSTER, NOW)
  const stranger = await newAuthorityRecord(KEY, CLUSTER, NOW)
  const proof = proveIncarnation(KEY, stranger, life)
  const bundle = bundleOf(authority)
  expect(isIncarnationProven(bundle, life, proof)).toBe(false)
  const trusted = authority.signing.certificate
  expect(isIncarnationProven(bundle, life, { ...proof, chain: [...proof.chain, trusted] })).toBe(false)
  expect(isIncarnationProven(bundle, life, { ...proof, chain: [trusted] })).toBe(false)
  for (const chain of [[], ['garbage']]) expect(isIncarnationProven(bundle, life, { ...proof, chain })).toBe(false)
  expect(isIncarnationProven(bundle, life, { ...proof, signature: 'AAAA' })).toBe(false)
})

test('who trusts only the old authority believes the next one that it certified', async () => {
  const before = await newAuthorityRecord(KEY, CLUSTER, NOW)
  const switched = switchAuthority(await prepareNextAuthority(KEY, CLUSTER, before, NOW), NOW)
  const proof = proveIncarnation(KEY, switched, life)
  expect(isIncarnationProven(bundleOf(before), life, proof)).toBe(true)
  const over = finishRotation(switched)
  expect(isIncarnationProven(bundleOf(over), life, proveIncarnation(KEY, over, life))).toBe(true)
  expect(isIncarnationProven(bundleOf(before), life, proveIncarnation(KEY, over, life))).toBe(false)
})
