import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { IdentityFiles } from '../drivers/pki/identity-files.ts'
import { clusterKeyId, newClusterKey } from '../drivers/pki/seal.ts'
import type { StoreRecord } from '../ports/store.ts'
import type { Recovery } from './recover.ts'
import { recoveryKey } from './recovery-key.ts'

const [own, copy, third] = [newClusterKey(), newClusterKey(), newClusterKey()]
let dataDir: string
let file: string

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gantry-key-'))
  file = join(dataDir, 'copy.key')
  writeFileSync(file, `${copy.toString('hex')}\n`, { mode: 0o600 })
  onTestFinished(() => rmSync(dataDir, { recursive: true }))
})

/** A state whose authority is sealed with this key; null: there is none to go on with. */
function found(sealed: Buffer | null): () => Promise<Recovery> {
  const rest = { fault: 'it is gone', passedOver: [] }
  if (sealed === null) return async () => ({ ...rest, best: null })
  const value = {
    signing: { certificate: '', sealedKey: { keyId: clusterKeyId(sealed), nonce: '', ciphertext: '', tag: '' } },
  }
  const record = { key: 'authority/self', revision: 1, value } as unknown as StoreRecord
  return async () => ({
    ...rest,
    best: { from: 'the backup monday.gantry', state: { revision: 1, records: [record] } },
  })
}

const conflict = (look: () => Promise<Recovery>): Promise<unknown> =>
  recoveryKey(dataDir, file, look).catch((error: unknown) => error)

test('a machine without a cluster key goes by the copy, one with the same by its own, and one without either by none', async () => {
  expect(await recoveryKey(dataDir, null, found(null))).toBeNull()
  expect(await recoveryKey(dataDir, file, found(null))).toEqual(copy)
  await new IdentityFiles(dataDir).writeClusterKeys([copy])
  expect(await recoveryKey(dataDir, file, found(null))).toEqual(copy)
  expect(await recoveryKey(dataDir, null, found(null))).toEqual(copy)
})

test.each([
  { state: 'is sealed with the key of the machine', sealed: own, hint: `needs ${clusterKeyId(own)}, which is here` },
  { state: 'is sealed with the copy', sealed: copy, hint: `needs ${clusterKeyId(copy)}: put ` },
  {
    state: 'is sealed with neither',
    sealed: third,
    hint: `find the copy of cluster.key that has ${clusterKeyId(third)}`,
  },
  { state: 'is not there', sealed: null, hint: 'leave --cluster-key-file out' },
])('of two keys that differ the refusal says which is needed: the state $state', async ({ sealed, hint }) => {
  await new IdentityFiles(dataDir).writeClusterKeys([own])
  const error = await conflict(found(sealed))
  const ids = `has the cluster key ${clusterKeyId(copy)}, and ${join(dataDir, 'identity', 'cluster.key')} has ${clusterKeyId(own)}`
  expect(error).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining(ids),
    hint: expect.stringContaining(hint),
  })
  expect(JSON.stringify(error)).not.toContain(copy.toString('hex'))
})
