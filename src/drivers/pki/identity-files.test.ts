import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { aMachine, anAuthority } from '../../../test/pki-bed.ts'
import { IdentityFiles, type StoredIdentity } from './identity-files.ts'
import { newClusterKey } from './seal.ts'

let dataDir = ''
let old: StoredIdentity
let renewed: StoredIdentity

beforeAll(async () => {
  const authority = await anAuthority()
  old = { ...(await aMachine(authority, { role: 'server' })), clusterKey: newClusterKey() }
  renewed = { ...(await aMachine(authority, { role: 'server' })), clusterKey: old.clusterKey }
})
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gantry-identity-'))
})
afterEach(() => {
  rmSync(dataDir, { recursive: true })
})

function path(name: string): string {
  return join(dataDir, 'identity', name)
}

test('a machine that never joined has no identity', async () => {
  expect(await new IdentityFiles(dataDir).read()).toBeNull()
})

test('a written identity is read back, and again after it was replaced', async () => {
  const files = new IdentityFiles(dataDir)
  for (const identity of [old, renewed]) {
    await files.write(identity)
    expect(await new IdentityFiles(dataDir).read()).toEqual(identity)
  }
  expect(readdirSync(join(dataDir, 'identity')).sort()).toEqual([
    'authority.crt',
    'cluster.key',
    'node.crt',
    'node.key',
  ])
})

test('secret files are for their owner only, and so is their directory', async () => {
  await new IdentityFiles(dataDir).write(old)
  for (const name of ['node.key', 'cluster.key']) expect(statSync(path(name)).mode & 0o777).toBe(0o600)
  expect(statSync(path('.')).mode & 0o777).toBe(0o700)
})

test('a node that is no server keeps no cluster key', async () => {
  const files = new IdentityFiles(dataDir)
  await files.write(old)
  await files.write({ ...renewed, clusterKey: null })
  expect(readdirSync(join(dataDir, 'identity'))).not.toContain('cluster.key')
  expect((await files.read())?.clusterKey).toBeNull()
})

test('two cluster keys are kept while one follows the other, and the one to go by is the first', async () => {
  const files = new IdentityFiles(dataDir)
  const otherKey = newClusterKey()
  await files.write({ ...old, otherKey })
  expect(await files.read()).toEqual({ ...old, otherKey })
  expect(await files.readClusterKey()).toEqual(old.clusterKey)
  await files.writeClusterKeys([otherKey])
  expect(await files.read()).toEqual({ ...old, clusterKey: otherKey })
  writeFileSync(path('cluster.key'), 'a'.repeat(63), { mode: 0o600 })
  await expect(files.read()).rejects.toThrow('it does not hold 64 hex digits')
})

test('the trusted authorities are replaced alone', async () => {
  const files = new IdentityFiles(dataDir)
  await files.write(old)
  const bundle = old.bundle + (await anAuthority()).certificate
  await files.writeBundle(bundle)
  expect(await files.read()).toEqual({ ...old, bundle })
})

test('a renewal that was cut off anywhere leaves the old identity or the new one', async () => {
  await new IdentityFiles(dataDir).write(old)
  const files = { 'node.key.next': renewed.key, 'node.crt': renewed.certificate }
  const seen: string[] = []
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(path(name), text, { mode: 0o600 })
    const identity = await new IdentityFiles(dataDir).read()
    seen.push(identity?.key === old.key && identity.certificate === old.certificate ? 'old' : '')
    seen.push(identity?.key === renewed.key && identity.certificate === renewed.certificate ? 'new' : '')
  }
  expect(seen).toEqual(['old', '', '', 'new'])
  expect(readFileSync(path('node.key'), 'utf8')).toBe(renewed.key)
})

test('a first joining that was cut off leaves no identity, and a whole one when its certificate is there', async () => {
  mkdirSync(path('.'))
  writeFileSync(path('authority.crt'), old.bundle)
  writeFileSync(path('node.key.next'), old.key, { mode: 0o600 })
  expect(await new IdentityFiles(dataDir).read()).toBeNull()
  writeFileSync(path('node.crt'), old.certificate)
  expect(await new IdentityFiles(dataDir).read()).toEqual({ ...old, clusterKey: null })
})

test.each(['node.key', 'cluster.key'])('%s is not used when others can read it', async (name) => {
  await new IdentityFiles(dataDir).write(old)
  chmodSync(path(name), 0o640)
  await expect(new IdentityFiles(dataDir).read()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: `cannot use ${path(name)}: others can read it`,
  })
})

test.each<{ name: string; text: () => string | null; says: string }>([
  { name: 'node.crt', text: () => null, says: 'it is missing, but node.key is there' },
  { name: 'node.crt', text: () => 'rubbish', says: 'it holds no certificate' },
  { name: 'node.key', text: () => null, says: 'it is missing' },
  { name: 'node.key', text: () => 'rubbish', says: 'it holds no private key' },
  { name: 'node.key', text: () => renewed.key, says: 'it does not belong to node.crt' },
  { name: 'authority.crt', text: () => null, says: 'it is missing' },
  { name: 'authority.crt', text: () => '', says: 'it holds no certificate' },
  { name: 'authority.crt', text: () => old.certificate, says: 'is not of an authority' },
  { name: 'cluster.key', text: () => 'short', says: 'it does not hold 64 hex digits' },
])('a damaged $name is named with what is wrong: $says', async ({ name, text, says }) => {
  await new IdentityFiles(dataDir).write(old)
  const content = text()
  if (content === null) rmSync(path(name))
  else writeFileSync(path(name), content)
  const reading = new IdentityFiles(dataDir).read()
  await expect(reading).rejects.toMatchObject({ code: 'STORE_CORRUPT', message: expect.stringContaining(says) })
  await expect(reading).rejects.toThrow(path(name))
})

test('no message about a damaged identity shows what is in it', async () => {
  await new IdentityFiles(dataDir).write(old)
  writeFileSync(path('cluster.key'), 'supersecretsupersecret')
  await expect(new IdentityFiles(dataDir).read()).rejects.not.toThrow('supersecret')
})
