import { X509Certificate } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { aMachine, anAuthority, CLUSTER_ID } from '../../../test/pki-bed.ts'
import { TEST_TLS } from '../../../test/test-tls.ts'
import { type Authority, newSerial } from './authority.ts'
import { describeCertificate, keyHash, splitBundle } from './describe-certificate.ts'
import { generateKeys, importKey, SIGNATURE } from './keys.ts'
import { pinAuthority } from './pin-authority.ts'
import { type JsonGeneralName, SubjectAlternativeNameExtension, X509CertificateGenerator } from './x509.ts'

let authority: Authority
let other: Authority

beforeAll(async () => {
  ;[authority, other] = [await anAuthority(), await anAuthority()]
})

async function uriOf(...names: JsonGeneralName[]): Promise<string | null> {
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    publicKey: (await generateKeys()).publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: SIGNATURE,
    extensions: [new SubjectAlternativeNameExtension(names)],
  })
  return describeCertificate(certificate.toString('pem')).uri
}

test('a certificate has an identity only if it names exactly one', async () => {
  const ours: JsonGeneralName = { type: 'url', value: `spiffe://${CLUSTER_ID}/agent/7` }
  const another: JsonGeneralName = { type: 'url', value: `spiffe://${CLUSTER_ID}/server/1` }
  expect(await uriOf({ type: 'dns', value: 'gantry' }, ours, { type: 'ip', value: '10.0.0.1' })).toBe(ours.value)
  expect(await uriOf(ours, another)).toBeNull()
  expect(await uriOf({ type: 'dns', value: 'gantry' })).toBeNull()
  expect(describeCertificate(TEST_TLS.cert).uri).toBeNull()
})

test('a name that only looks like two names does not make an identity', async () => {
  const uri = `spiffe://${CLUSTER_ID}/server/1`
  expect(await uriOf({ type: 'dns', value: `a, URI:${uri}` })).toBeNull()
  expect(await uriOf({ type: 'dns', value: `a", URI:${uri}` })).toBeNull()
  expect(await uriOf({ type: 'dns', value: `a\\", URI:${uri}, "b` })).toBeNull()
})

test('the hash of a key is the same in its certificate, its bundle and its join tokens', () => {
  const { keyHash: described } = describeCertificate(authority.certificate)
  expect(described).toMatch(/^[a-z2-7]{52}$/)
  expect(described).toBe(keyHash(new X509Certificate(authority.certificate).publicKey))
  expect(described).not.toBe(describeCertificate(other.certificate).keyHash)
})

test('serial numbers are never alike, and positive', async () => {
  const serials = Array.from({ length: 100 }, newSerial)
  expect(new Set(serials).size).toBe(100)
  for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/)
  const { certificate } = await aMachine(authority, { role: 'agent' })
  expect(describeCertificate(certificate).serial).toHaveLength(32)
})

test('a damaged certificate is no certificate', () => {
  for (const text of ['', 'rubbish', authority.certificate.slice(0, 200)]) {
    expect(() => describeCertificate(text)).toThrow('cannot read a certificate')
  }
})

test('a bundle is split into its certificates, and other text in it is left out', () => {
  const bundle = `first\n${authority.certificate}# second\n${other.certificate}`
  expect(splitBundle(bundle)).toEqual([authority.certificate, other.certificate])
  expect(splitBundle('')).toEqual([])
})

test('of several authorities a join token picks its own, and none when it is not there', () => {
  const bundle = other.certificate + authority.certificate
  expect(pinAuthority(bundle, describeCertificate(authority.certificate).keyHash)).toBe(authority.certificate)
  for (const wrong of [other.certificate, '']) {
    expect(() => pinAuthority(wrong, describeCertificate(authority.certificate).keyHash)).toThrow('cannot trust')
  }
})
