import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AUTHORITY, aMac } from '../../../test/discovery-bed.ts'
import type { FoundHint, Hint } from './hint.ts'
import { judgeHint } from './judge-hint.ts'
import { labelOf } from './label.ts'
import { encodeHint, encodeSearch, type PacketHead } from './packet.ts'

const key = aMac(1)
const label = labelOf('blue')
const NONCE = '1'.repeat(32)
const open = { label, key, nonces: ['2'.repeat(32), NONCE] }
const hint: Hint = { clusterId: '0123456789abcdef', authorityHash: AUTHORITY, servers: ['10.0.0.1:7947'] }
const search: PacketHead = { kind: 'search', nonce: NONCE, at: 0, label }

function judged(change: Partial<Hint>, to: Partial<PacketHead> = {}, mac = key): FoundHint | null {
  return judgeHint(encodeHint({ ...hint, ...change }, { ...search, ...to }, 0, mac), '10.0.0.5', open)
}

test('an answer to an open search is a hint that says where it comes from', () => {
  expect(judged({})).toEqual({ ...hint, from: '10.0.0.5' })
})

test('a server without a host is where the answer comes from', () => {
  const servers = [':7947', 'gate.example:1', '[2001:db8::1]:65535']
  expect(judged({ servers })?.servers).toEqual(['10.0.0.5:7947', 'gate.example:1', '[2001:db8::1]:65535'])
})

test.each<{ name: string; hint?: Partial<Hint>; to?: Partial<PacketHead>; mac?: number }>([
  { name: 'of a search that nobody here made', to: { nonce: '3'.repeat(32) } },
  { name: 'of another cluster', to: { label: labelOf('green') } },
  { name: 'signed with another key', mac: 2 },
  { name: 'with an odd cluster id', hint: { clusterId: '../../etc' } },
  { name: 'with an odd authority', hint: { authorityHash: 'A'.repeat(52) } },
  { name: 'without servers', hint: { servers: [] } },
  { name: 'with servers that are no addresses', hint: { servers: ['10.0.0.1', 'a:0', 'a:65536', '-x:1', 'a/b:80'] } },
  { name: 'with a text that holds control characters', hint: { servers: ['a\u001b[2J:80'] } },
])('an answer $name is not taken', ({ hint: change = {}, to, mac = 1 }) => {
  expect(judged(change, to, aMac(mac))).toBeNull()
})

test('only what is an address is taken of the servers in a hint', () => {
  expect(judged({ servers: ['nonsense', '10.0.0.1:7947'] })?.servers).toEqual(['10.0.0.1:7947'])
})

test('an answer larger than any that a server sends is not taken, nor one of another protocol', () => {
  expect(
    judgeHint(
      Uint8Array.from({ length: 513 }, () => 1),
      '10.0.0.5',
      open,
    ),
  ).toBeNull()
  expect(judgeHint(Uint8Array.of(1, 2, 3), '10.0.0.5', open)).toBeNull()
})

test('our own search, coming back, is no answer', () => {
  expect(judgeHint(encodeSearch({ nonce: NONCE, at: 0, label }, key), '10.0.0.5', open)).toBeNull()
})

test('no bytes whatever make the searching node throw or believe', () => {
  const sound = encodeHint(hint, search, 0, key)
  const nearly = fc
    .tuple(fc.nat({ max: sound.length - 1 }), fc.uint8Array({ minLength: 1, maxLength: 64 }))
    .map(([at, bytes]) => {
      const packet = Uint8Array.from(sound)
      packet.set(bytes.subarray(0, sound.length - at), at)
      return packet
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 700 }), nearly), (packet) => {
      const found = judgeHint(packet, '10.0.0.5', open)
      if (found !== null) expect(packet).toEqual(sound)
    }),
    { numRuns: 2_000 },
  )
})
