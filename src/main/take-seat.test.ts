import { expect, test } from 'vitest'
import { expectedNode } from '../control/admission.ts'
import { objectOf } from '../core/incarnation/raise.ts'
import type { CertificateAuthority } from '../core/model/identity.ts'
import { AUTHORITY_KEY, CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import { newAuthorityRecord } from '../drivers/pki/authority-record.ts'
import { describeCertificate, readCertificate } from '../drivers/pki/describe-certificate.ts'
import { newClusterKey } from '../drivers/pki/seal.ts'
import type { Snapshot, StoreRecord } from '../ports/store.ts'
import { seatFor, takeSeat } from './take-seat.ts'

const CLUSTER = { id: '0123456789abcdef', name: 'shop', incarnation: 2, createdAt: 1 }
const LOST = { serial: 'lost', keyHash: 'k', authority: 'a', issuedAt: 1, notAfter: Number.MAX_SAFE_INTEGER }

async function aState(clusterKey: Buffer): Promise<Snapshot> {
  const authority: CertificateAuthority = {
    ...(await newAuthorityRecord(clusterKey, CLUSTER.id, Date.now())),
    clusterSecret: null,
  }
  const node = { ...expectedNode(1, null, { name: 's1', addresses: ['10.0.0.1'] }, 1), machineId: 'lost' }
  const objects = [
    [AUTHORITY_KEY, authority],
    [keyOf('certificates', 1), { nodeId: 1, role: 'server', issued: [LOST] }],
    [CLUSTER_KEY, CLUSTER],
    [keyOf('node', 1), node],
  ] as const
  return { revision: 9, records: objects.map(([key, value]) => ({ key, value, revision: 5 }) as StoreRecord) }
}

test('a machine with the cluster key takes the place of the lost server of its name, whose certificates are revoked', async () => {
  const clusterKey = newClusterKey()
  const before = await aState(clusterKey)
  const seat = seatFor(before, 's1')
  expect(seat).toEqual({ nodeId: 1, name: 's1', isTaken: true })
  if (seat === null) return
  const { state, identity } = await takeSeat(before, seat, { clusterKey, host: '10.0.0.9', at: Date.now() })
  const { uri, serial } = describeCertificate(identity.certificate)
  expect(uri).toBe(`spiffe://${CLUSTER.id}/server/1`)
  expect(readCertificate(identity.certificate).verify(readCertificate(identity.bundle).publicKey)).toBe(true)
  expect(objectOf(state.records, keyOf('node', 1))).toMatchObject({ machineId: null, address: '10.0.0.9' })
  expect(objectOf(state.records, keyOf('certificates', 1))?.issued.map((one) => one.serial)).toEqual([serial])
  expect(objectOf(state.records, keyOf('revoked', 'lost'))).toMatchObject({ nodeId: 1 })
  const keys = state.records.map(({ key }) => key)
  expect(keys).toEqual([...keys].sort())
})

test('one of another name is a new node, and a state without an authority has no seats', async () => {
  const before = await aState(newClusterKey())
  expect(seatFor(before, 's9')).toEqual({ nodeId: 2, name: 's9', isTaken: false })
  const without = before.records.filter(({ key }) => key !== AUTHORITY_KEY)
  expect(seatFor({ ...before, records: without }, 's1')).toBeNull()
})
