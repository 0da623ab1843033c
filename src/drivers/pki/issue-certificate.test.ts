import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { aMachine, anAuthority, CLUSTER_ID } from '../../../test/pki-bed.ts'
import { AUTHORITY_LIFE_MS, BACKDATE_MS } from '../../core/identity/certificate-policy.ts'
import { type Authority, crossSign } from './authority.ts'
import { describeCertificate } from './describe-certificate.ts'
import { type CertificateTerms, issueCertificate } from './issue-certificate.ts'
import { newKeyAndRequest } from './request.ts'
import {
  BasicConstraintsExtension,
  X509Certificate as Certificate,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from './x509.ts'

const now = Date.now()
const terms: CertificateTerms = { clusterId: CLUSTER_ID, role: 'agent', nodeId: 7, addresses: [], now }
let authority: Authority

beforeAll(async () => {
  authority = await anAuthority()
})

test('a certificate says which node it is, from a little before now, for as long as was asked', async () => {
  const { request } = await newKeyAndRequest()
  const pem = await issueCertificate(authority, request, { ...terms, lifeMs: 3_600_000 })
  const { uri, notBefore, notAfter, serial } = describeCertificate(pem)
  const second = Math.floor(now / 1000) * 1000
  expect(uri).toBe(`spiffe://${CLUSTER_ID}/agent/7`)
  expect({ notBefore, notAfter }).toEqual({ notBefore: second - BACKDATE_MS, notAfter: second + 3_600_000 })
  expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/)
})

test('a certificate lives seven days when nothing else is asked, and never longer than its authority', async () => {
  const { request } = await newKeyAndRequest()
  const usual = describeCertificate(await issueCertificate(authority, request, terms))
  const end = describeCertificate(authority.certificate).notAfter
  const last = describeCertificate(await issueCertificate(authority, request, { ...terms, now: end - 1000 }))
  expect(usual.notAfter - usual.notBefore - BACKDATE_MS).toBe(7 * 86_400_000)
  expect(last.notAfter).toBe(end)
})

test('a certificate of less than an hour is refused', async () => {
  const { request } = await newKeyAndRequest()
  await expect(issueCertificate(authority, request, { ...terms, lifeMs: 3_599_999 })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })
})

test('a certificate is for the key of the request and for nothing else that the request says', async () => {
  const { subtle } = globalThis.crypto
  const keys = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=gantry server 1',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new SubjectAlternativeNameExtension([
        { type: 'url', value: `spiffe://${CLUSTER_ID}/server/1` },
        { type: 'dns', value: 'evil.example' },
      ]),
    ],
  })
  const certificate = new X509Certificate(await issueCertificate(authority, request.toString('pem'), terms))
  expect(certificate.subject).toBe('CN=gantry agent 7')
  expect(certificate.subjectAltName).toBe(`URI:spiffe://${CLUSTER_ID}/agent/7, DNS:gantry`)
  expect(certificate.ca).toBe(false)
  expect(new Certificate(certificate.raw).getExtension(BasicConstraintsExtension)?.ca).toBe(false)
  const der = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey))
  expect(certificate.checkPrivateKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))).toBe(true)
})

test('a request with the key of somebody else is refused, for its sender cannot sign with that', async () => {
  const [mine, theirs] = [await newKeyAndRequest(), await newKeyAndRequest()]
  const bytes = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const key = (request: Buffer) => request.indexOf(Buffer.from([0x03, 0x42, 0x00, 0x04])) + 4
  const forged = bytes(mine.request)
  const other = bytes(theirs.request)
  other.copy(forged, key(forged), key(other), key(other) + 64)
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${forged.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
  await expect(issueCertificate(authority, pem, terms)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('does not prove'),
  })
})

test('a request for a key of another kind is refused', async () => {
  const { subtle } = globalThis.crypto
  const keys = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify'])
  const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }
  const request = await Pkcs10CertificateRequestGenerator.create({ name: 'CN=x', keys, signingAlgorithm })
  await expect(issueCertificate(authority, request.toString('pem'), terms)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('P-256'),
  })
})

test.each([
  { what: 'nothing', request: '' },
  { what: 'a word', request: 'please' },
  {
    what: 'a key',
    request: generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  },
  { what: 'a book', request: 'A'.repeat(9_000) },
])('$what is no request', async ({ request }) => {
  await expect(issueCertificate(authority, request, terms)).rejects.toMatchObject({ code: 'USAGE' })
})

test('addresses stand in the certificate as what they are', async () => {
  const { request } = await newKeyAndRequest()
  const addresses = ['10.0.0.7', 'fd00::7', 'node7.example', 'gantry']
  const certificate = new X509Certificate(await issueCertificate(authority, request, { ...terms, addresses }))
  expect(certificate.checkIP('10.0.0.7')).toBe('10.0.0.7')
  expect(certificate.checkIP('fd00::7')).toBe('fd00::7')
  expect(certificate.checkHost('node7.example')).toBe('node7.example')
  expect(certificate.checkHost('gantry')).toBe('gantry')
  expect(certificate.checkHost('other.example')).toBeUndefined()
})

test.each([
  'a, URI:spiffe://0123456789abcdef/server/1',
  '',
  '*.example',
  'fe80::1%eth0',
  'a\nb',
])('the address %j is refused: it could say something else', async (address) => {
  const { request } = await newKeyAndRequest()
  const wanted = issueCertificate(authority, request, { ...terms, addresses: [address] })
  await expect(wanted).rejects.toMatchObject({ code: 'USAGE' })
})

test('an authority may sign, lives twenty years and shares its name with no other', async () => {
  const certificate = new X509Certificate(authority.certificate)
  const other = new X509Certificate((await anAuthority()).certificate)
  expect(certificate.ca).toBe(true)
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.subject).not.toBe(other.subject)
  const { notBefore, notAfter } = describeCertificate(certificate)
  expect(notAfter - notBefore).toBe(AUTHORITY_LIFE_MS + BACKDATE_MS)
})

test('chains are sound, also over a cross-signed authority, and not with one that has signed nothing', async () => {
  const next = await anAuthority()
  const crossSigned = await crossSign(authority, next.certificate, now)
  const { certificate } = await aMachine(next, { role: 'agent' })
  const [leaf, cross, root] = [certificate, crossSigned, authority.certificate].map((pem) => new X509Certificate(pem))
  if (leaf === undefined || cross === undefined || root === undefined) throw new Error('three certificates were made')
  expect([leaf.verify(cross.publicKey), cross.verify(root.publicKey), cross.ca]).toEqual([true, true, true])
  expect([leaf.checkIssued(cross), cross.checkIssued(root), leaf.checkIssued(root)]).toEqual([true, true, false])
  expect(opensslAccepts(authority.certificate, crossSigned, certificate)).not.toBe(false)
  expect(opensslAccepts(authority.certificate, '', certificate)).not.toBe(true)
})

/** What `openssl verify` says of a chain; null where there is no such program. */
function opensslAccepts(root: string, between: string, leaf: string): boolean | null {
  if (!existsSync('/usr/bin/openssl')) return null
  const directory = mkdtempSync(join(tmpdir(), 'gantry-chain-'))
  try {
    for (const [name, text] of Object.entries({ root, between, leaf })) writeFileSync(join(directory, name), text)
    const untrusted = between === '' ? [] : ['-untrusted', 'between']
    const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'root', ...untrusted, 'leaf']
    execFileSync('/usr/bin/openssl', args, { cwd: directory, stdio: 'pipe' })
    return true
  } catch {
    // It ends with a failure when it does not accept; what it says of that varies with its version.
    return false
  } finally {
    rmSync(directory, { recursive: true })
  }
}
