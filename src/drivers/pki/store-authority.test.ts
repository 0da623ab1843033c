import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { newClusterKey } from './seal.ts'
import { issueStoreCertificate, storeAuthority } from './store-authority.ts'

const NOW = Date.parse('2026-05-01T00:00:00Z')

test('servers that have the cluster key have the same store authority, and believe each other’s certificates', async () => {
  const clusterKey = newClusterKey()
  const [one, two] = [await storeAuthority(clusterKey), await storeAuthority(clusterKey)]
  expect(two.key).toBe(one.key)
  const { certificate } = await issueStoreCertificate(one, '10.0.0.1', NOW)
  const seen = new X509Certificate(certificate)
  const authority = new X509Certificate(two.certificate)
  expect(seen.verify(authority.publicKey)).toBe(true)
  expect(seen.checkIssued(authority)).toBe(true)
  expect(seen.checkIP('10.0.0.1')).toBe('10.0.0.1')
  expect(seen.checkHost('gantry')).toBe('gantry')
})

test('another cluster key gives another store authority, which vouches for nobody of this one', async () => {
  const one = await storeAuthority(newClusterKey())
  const other = await storeAuthority(newClusterKey())
  const { certificate } = await issueStoreCertificate(one, 'server.example', NOW)
  expect(new X509Certificate(certificate).verify(new X509Certificate(other.certificate).publicKey)).toBe(false)
  expect(other.key).not.toBe(one.key)
})

test('a certificate for the store is good from a day ago, for clocks that differ, and for 30 days', async () => {
  const { certificate } = await issueStoreCertificate(await storeAuthority(newClusterKey()), '::1', NOW)
  const { validFrom, validTo } = new X509Certificate(certificate)
  expect(new Date(validFrom).toISOString()).toBe('2026-04-30T00:00:00.000Z')
  expect(new Date(validTo).toISOString()).toBe('2026-05-31T00:00:00.000Z')
})
