import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AUTHORITY, aMac } from '../../../test/discovery-bed.ts'
import type { Hint } from './hint.ts'
import { labelOf, sameLabel } from './label.ts'
import { encodeHint, encodeSearch, hasMac, PACKET_BYTES, type PacketHead, readHead, readHint } from './packet.ts'

const mac = aMac(1)
const anyNonce = fc.stringMatching(/^[0-9a-f]{32}$/)
const anyHead = fc.record({
  nonce: anyNonce,
  at: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  label: fc.uint8Array({ minLength: 1, maxLength: 64 }),
})
const anyHint: fc.Arbitrary<Hint> = fc.record({
  clusterId: fc.stringMatching(/^[0-9a-f]{16}$/),
  authorityHash: fc.stringMatching(/^[a-z2-7]{52}$/),
  servers: fc.array(fc.stringMatching(/^[a-z0-9.-]{0,300}:[1-9][0-9]{0,4}$/), { maxLength: 12 }),
})

function headOf(packet: Uint8Array): PacketHead {
  const read = readHead(packet)
  if (read.kind !== 'head') throw new Error(read.because)
  return read.head
}

test('a search is read as it was written, has 512 bytes, and its MAC covers each of them', () => {
  fc.assert(
    fc.property(anyHead, fc.nat({ max: PACKET_BYTES - 1 }), fc.integer({ min: 1, max: 255 }), (head, i, flip) => {
      const packet = encodeSearch(head, mac)
      expect(packet.length).toBe(PACKET_BYTES)
      expect(headOf(packet)).toEqual({ kind: 'search', ...head })
      expect(hasMac(packet, mac)).toBe(true)
      expect(hasMac(packet, aMac(2))).toBe(false)
      packet[i] = (packet[i] ?? 0) ^ flip
      expect(hasMac(packet, mac)).toBe(false)
    }),
  )
})

test('a hint is never larger than a search, and tells as many servers as fit', () => {
  fc.assert(
    fc.property(anyHead, anyHint, (head, hint) => {
      const packet = encodeHint(hint, { kind: 'search', ...head }, 5, mac)
      expect(packet.length).toBeLessThanOrEqual(PACKET_BYTES)
      const read = readHead(packet)
      expect(read).toMatchObject({ kind: 'head', head: { kind: 'hint', nonce: head.nonce, at: 5, label: head.label } })
      const told = read.kind === 'head' ? readHint(packet, read.bodyAt) : null
      expect(told).toEqual({ ...hint, servers: hint.servers.slice(0, told?.servers.length) })
      expect(hasMac(packet, mac)).toBe(true)
    }),
  )
})

test('seven servers with IPv4 addresses always fit', () => {
  const servers = Array.from({ length: 8 }, (_, i) => `255.255.255.25${i}:65535`)
  const head = { kind: 'search', nonce: '0'.repeat(32), at: 0, label: new Uint8Array(64) } as const
  const packet = encodeHint({ clusterId: '0'.repeat(16), authorityHash: AUTHORITY, servers }, head, 0, mac)
  const read = readHead(packet)
  expect(read.kind === 'head' && readHint(packet, read.bodyAt)?.servers).toEqual(servers.slice(0, 7))
})

test('no bytes whatever make a reader throw', () => {
  const anyBytes = fc.uint8Array({ maxLength: 600 })
  const nearly = fc.tuple(fc.constantFrom(1, 2), anyBytes).map(([kind, bytes]) => {
    return Uint8Array.of(0x47, 0x4e, 0x54, 0x44, 1, kind, ...bytes)
  })
  fc.assert(
    fc.property(fc.oneof(anyBytes, nearly), (bytes) => {
      const read = readHead(bytes)
      if (read.kind === 'head') readHint(bytes, read.bodyAt)
      hasMac(bytes, mac)
    }),
    { numRuns: 2_000 },
  )
})

test('what is too short for a MAC has none', () => {
  expect(hasMac(new Uint8Array(31), mac)).toBe(false)
  expect(hasMac(mac(new Uint8Array()), mac)).toBe(true)
})

test('a hint that is cut off anywhere is not read', () => {
  const head = { kind: 'search', nonce: '0'.repeat(32), at: 0, label: labelOf('blue') } as const
  const hint = { clusterId: '0'.repeat(16), authorityHash: AUTHORITY, servers: ['10.0.0.1:7947', '10.0.0.2:7947'] }
  const whole = encodeHint(hint, head, 0, mac)
  for (let length = 0; length < whole.length; length++) {
    const read = readHead(whole.subarray(0, length))
    expect(read.kind === 'head' ? readHint(whole.subarray(0, length), read.bodyAt) : null).toBeNull()
  }
})

test('a name becomes a label of 1 to 64 bytes', () => {
  expect(sameLabel(labelOf('grün'), labelOf('grün'))).toBe(true)
  expect(sameLabel(labelOf('blue'), labelOf('blu'))).toBe(false)
  expect(sameLabel(labelOf('blue'), labelOf('blux'))).toBe(false)
  expect(labelOf('ü'.repeat(32)).length).toBe(64)
  expect(() => labelOf('')).toThrow('cannot search for a cluster without a name')
  expect(() => labelOf('ü'.repeat(33))).toThrow('its name has 66 bytes, and 64 are the most')
})
