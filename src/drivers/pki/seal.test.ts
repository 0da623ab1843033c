import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Sealed } from '../../core/model/identity.ts'
import { clusterKeyId, newClusterKey, type SealedPlace, seal, unseal } from './seal.ts'

const key = newClusterKey()
const place: SealedPlace = { clusterId: 'c', kind: 'authority', id: 'self' }

test('what is sealed opens again with the same key at the same place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(unseal(key, place, seal(key, place, text))).toBe(text)
    }),
  )
})

test('nothing of a sealed text can be seen, and sealing it twice looks different', () => {
  const [one, two] = [seal(key, place, 'very private'), seal(key, place, 'very private')]
  expect(JSON.stringify(one)).not.toContain('very private')
  expect(Buffer.from(one.ciphertext, 'base64').toString()).not.toContain('very private')
  expect(one.ciphertext).not.toBe(two.ciphertext)
  expect(one.nonce).not.toBe(two.nonce)
})

test.each<{ name: string; at: Partial<SealedPlace> }>([
  { name: 'another cluster', at: { clusterId: 'd' } },
  { name: 'another kind', at: { kind: 'token' } },
  { name: 'another id', at: { id: 'other' } },
  { name: 'a place whose parts only join to the same text', at: { kind: 'authoritys', id: 'elf' } },
])('a sealed text that was moved to $name does not open', ({ at }) => {
  expect(() => unseal(key, { ...place, ...at }, seal(key, place, 'text'))).toThrow(
    'it was changed, or belongs elsewhere',
  )
})

test('a sealed text that was changed anywhere does not open', () => {
  const sealed = seal(key, place, 'a text of some length')
  const part = fc.constantFrom<Exclude<keyof Sealed, 'keyId'>>('nonce', 'ciphertext', 'tag')
  fc.assert(
    fc.property(part, fc.nat(100), fc.integer({ min: 1, max: 255 }), (name, at, flip) => {
      const bytes = Buffer.from(sealed[name], 'base64')
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip
      expect(() => unseal(key, place, { ...sealed, [name]: bytes.toString('base64') })).toThrow('cannot open')
    }),
  )
})

test('a tag that was cut short is not accepted for a whole one', () => {
  const sealed = seal(key, place, 'text')
  const tag = Buffer.from(sealed.tag, 'base64').subarray(0, 4).toString('base64')
  expect(() => unseal(key, place, { ...sealed, tag })).toThrow('cannot open')
})

test('another cluster key is named as the reason, without telling either key', () => {
  const other = newClusterKey()
  try {
    unseal(other, place, seal(key, place, 'text'))
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'STORE_CORRUPT', message: expect.stringContaining('another cluster key') })
    for (const one of [key, other]) expect(String(error)).not.toContain(one.toString('hex'))
  }
})

test('the name of a cluster key is stable and not a part of it', () => {
  expect(clusterKeyId(key)).toBe(clusterKeyId(Buffer.from(key)))
  expect(clusterKeyId(key)).toMatch(/^[0-9a-f]{16}$/)
  expect(key.toString('hex')).not.toContain(clusterKeyId(key))
})
