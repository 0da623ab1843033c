import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AUTHORITY_KEY, keyOf } from '../model/objects.ts'
import { type BackupHeader, type BackupKey, type BackupRecord, backupLines, type Digest } from './form.ts'
import { readBackup } from './read.ts'

const digest: Digest = (text) => createHash('sha256').update(text).digest('hex')
const keyCalled = (id: string): BackupKey => ({ id, code: (text) => digest(`${id} ${text}`) })
const KEY = keyCalled('k1')

function aBackup(
  records: readonly BackupRecord[],
  key: BackupKey | null = KEY,
  more: Partial<BackupHeader> = {},
): string {
  const header: BackupHeader = {
    gantry: 'backup',
    format: 1,
    clusterId: 'c',
    clusterName: 'shop',
    incarnation: 2,
    storeRevision: 1_000,
    createdAt: 5,
    records: records.length,
    version: '1',
    store: 'sqlite',
    keyId: key?.id ?? null,
    ...more,
  }
  return [...backupLines(header, records, digest, key)].join('')
}

const someRecords = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 12 }), fc.nat(999), fc.string()), {
    maxLength: 8,
    selector: ([name]) => name,
  })
  .map((drawn) =>
    drawn
      .map(([name, revision, text]) => ({
        key: keyOf('service', name),
        revision: revision + 1,
        value: { name: text, attemptFloor: revision, retryAt: null },
      }))
      .sort((a, b) => (a.key < b.key ? -1 : 1)),
  )

test('what was written is read again, whatever is in it', () => {
  fc.assert(
    fc.property(someRecords, (records) => {
      const reading = readBackup(aBackup(records), digest, KEY)
      expect(reading).toMatchObject({ kind: 'sound', records, authenticity: 'proven' })
    }),
  )
})

test('any byte that is another one is found', () => {
  fc.assert(
    fc.property(someRecords, fc.nat(), fc.integer({ min: 1, max: 255 }), (records, place, flip) => {
      const bytes = Buffer.from(aBackup(records))
      const at = place % bytes.length
      bytes[at] = (bytes[at] ?? 0) ^ flip
      expect(readBackup(bytes.toString('utf8'), digest, KEY).kind).not.toBe('sound')
    }),
    { numRuns: 1_000 },
  )
})

test('an end that is missing is found, wherever it was cut', () => {
  const text = aBackup([aService('a'), aService('b')])
  for (let length = 0; length < text.length; length++) {
    expect(readBackup(text.slice(0, length), digest, KEY).kind).not.toBe('sound')
  }
  expect(readBackup(text.slice(0, -1), digest, KEY)).toMatchObject({ kind: 'truncated', line: 4 })
})

test('lines that are left out, moved, repeated or added are found at their place', () => {
  const lines = aBackup([aService('a'), aService('b'), aService('c')]).split(/(?<=\n)/)
  const [header = '', a = '', b = '', c = '', end = ''] = lines
  for (const wrong of [
    [header, a, c, end],
    [header, b, a, c, end],
    [header, a, a, b, c, end],
    [a, b, c, end],
  ]) {
    expect(readBackup(wrong.join(''), digest, KEY).kind).not.toBe('sound')
  }
  expect(readBackup([header, a, c, end].join(''), digest, KEY)).toMatchObject({ kind: 'damaged', line: 3 })
  expect(readBackup([...lines, a].join(''), digest, KEY)).toMatchObject({ kind: 'damaged', line: 6 })
})

test('a file of another program, of another cluster and of a newer version is told apart', () => {
  const records = [aService('a')]
  expect(readBackup('hello\n', digest, KEY)).toMatchObject({ kind: 'foreign', line: 1 })
  expect(readBackup('', digest, KEY)).toMatchObject({ kind: 'truncated' })
  expect(readBackup(aBackup(records, keyCalled('k2')), digest, KEY)).toMatchObject({ kind: 'foreign' })
  expect(readBackup(aBackup(records, KEY, { format: 2 }), digest, KEY)).toMatchObject({ kind: 'newer' })
  const forged = { ...KEY, code: () => digest('a guess') }
  expect(readBackup(aBackup(records, forged), digest, KEY)).toMatchObject({ kind: 'foreign', line: 3 })
})

test('without the cluster key a backup can be found sound, but not proven', () => {
  expect(readBackup(aBackup([aService('a')]), digest, null)).toMatchObject({ authenticity: 'unknown key' })
  expect(readBackup(aBackup([aService('a')], null), digest, KEY)).toMatchObject({ authenticity: 'none' })
})

test('a state with a certificate authority is not believed without proof', () => {
  const authority = {
    key: AUTHORITY_KEY,
    revision: 1,
    value: {
      bundle: [],
      signing: { certificate: '', sealedKey: SEALED },
      rotation: { kind: 'none' },
      clusterSecret: null,
    },
  } as const
  expect(readBackup(aBackup([authority], null), digest, KEY)).toMatchObject({ kind: 'foreign' })
})

const SEALED = { keyId: '', nonce: '', ciphertext: '', tag: '' }

function aService(name: string): BackupRecord {
  return { key: keyOf('service', name), revision: 3, value: { name, attemptFloor: 0, retryAt: null } }
}
