import { createPrivateKey, X509Certificate } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { aMachine, CLUSTER_ID, handshake, OTHER_CLUSTER_ID } from '../../../test/pki-bed.ts'
import { crossChain, finishRotation, switchAuthority } from '../../core/identity/rotation.ts'
import type { CertificateAuthority } from '../../core/model/identity.ts'
import { AUTHORITY_KEY } from '../../core/model/objects.ts'
import { newAuthorityRecord, openAuthority, prepareNextAuthority, resealAuthority } from './authority-record.ts'
import type { StoredIdentity } from './identity-files.ts'
import { mutualTls } from './mutual-tls.ts'
import { newClusterKey } from './seal.ts'
import { openClusterSecret, sealClusterSecret } from './stretched-secret.ts'

const clusterKey = newClusterKey()
const now = Date.now()
let record: CertificateAuthority

beforeAll(async () => {
  record = await newAuthorityRecord(clusterKey, CLUSTER_ID, now)
})

test('the authority can sign again after its record went through the store as text', () => {
  const [key, text] = [AUTHORITY_KEY, JSON.stringify(record)]
  const { certificate, key: privateKey } = openAuthority(clusterKey, CLUSTER_ID, JSON.parse(text).signing)
  expect(key).toBe('authority/self')
  expect(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))).toBe(true)
  expect(text).not.toContain('PRIVATE KEY')
  expect(text).not.toContain(privateKey.split('\n')[1])
})

test('the private key of an authority opens only in its cluster, beside its certificate, with its cluster key', async () => {
  const other = await newAuthorityRecord(clusterKey, CLUSTER_ID, now)
  const swapped = { ...record.signing, certificate: other.signing.certificate }
  expect(() => openAuthority(clusterKey, OTHER_CLUSTER_ID, record.signing)).toThrow('belongs elsewhere')
  expect(() => openAuthority(clusterKey, CLUSTER_ID, swapped)).toThrow('belongs elsewhere')
  expect(() => openAuthority(newClusterKey(), CLUSTER_ID, record.signing)).toThrow('another cluster key')
})

test('another cluster key opens all that an authority has sealed with it, and the old one nothing', async () => {
  const stretched = { salt: '00', stretched: 'ab'.repeat(32) }
  const clusterSecret = sealClusterSecret(clusterKey, CLUSTER_ID, stretched)
  const prepared = { ...(await prepareNextAuthority(clusterKey, CLUSTER_ID, record, now)), clusterSecret }
  const next = newClusterKey()
  const resealed = resealAuthority(clusterKey, next, CLUSTER_ID, prepared)
  if (prepared.rotation.kind !== 'prepared' || resealed.rotation.kind !== 'prepared') throw new Error('it is prepared')
  for (const [before, after] of [
    [prepared.signing, resealed.signing],
    [prepared.rotation.next, resealed.rotation.next],
  ] as const) {
    expect(openAuthority(next, CLUSTER_ID, after)).toEqual(openAuthority(clusterKey, CLUSTER_ID, before))
    expect(() => openAuthority(clusterKey, CLUSTER_ID, after)).toThrow('another cluster key')
  }
  expect(openClusterSecret(next, CLUSTER_ID, resealed.clusterSecret ?? clusterSecret).toString('hex')).toBe(
    stretched.stretched,
  )
  expect(() => resealAuthority(clusterKey, next, CLUSTER_ID, resealed)).toThrow('another cluster key')
})

test('through a whole change of the authority, machines that are one step apart know each other', async () => {
  const prepared = await prepareNextAuthority(clusterKey, CLUSTER_ID, record, now)
  const switched = switchAuthority(prepared, now)
  const steps = [record, prepared, switched, finishRotation(switched)]
  const machines: StoredIdentity[] = []
  for (const step of steps) {
    const authority = openAuthority(clusterKey, CLUSTER_ID, step.signing)
    const machine = await aMachine(authority, { role: 'server' })
    machines.push({
      ...machine,
      certificate: machine.certificate + crossChain(step).join(''),
      bundle: step.bundle.join(''),
    })
  }
  const meet = (a: number, b: number) => {
    const [listening, dialling] = [machines[a], machines[b]]
    if (listening === undefined || dialling === undefined) throw new Error('there are four machines')
    return handshake(mutualTls(listening), mutualTls(dialling), ({ client }) => client.authorized)
  }
  for (const [a, b] of [
    [0, 1],
    [1, 2],
    [2, 1],
    [2, 3],
    [3, 2],
  ] as const)
    expect(await meet(a, b)).toBe(true)
  await expect(meet(0, 3)).rejects.toThrow()
})

test('a second change of the authority waits for the first', async () => {
  const prepared = await prepareNextAuthority(clusterKey, CLUSTER_ID, record, now)
  await expect(prepareNextAuthority(clusterKey, CLUSTER_ID, prepared, now)).rejects.toMatchObject({ code: 'CONFLICT' })
})
