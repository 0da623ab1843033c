import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AUTHORITY, aMac } from '../../../test/discovery-bed.ts'
import { ANSWERS_IN_TOTAL, ANSWERS_PER_SOURCE, AnswerLog } from './answer-log.ts'
import { type Arrival, judgePacket } from './judge-packet.ts'
import { labelOf } from './label.ts'
import { encodeHint, encodeSearch, PACKET_BYTES } from './packet.ts'

const NOW = 1_000_000_000
const KEY = aMac(1)
const terms = { label: labelOf('blue'), keys: [aMac(7), KEY] }
const arrival: Arrival = { address: '10.0.0.9', port: 40_000, now: NOW }
const nonceOf = (n: number): string => n.toString(16).padStart(32, '0')

function aPacket({ nonce = 1, at = NOW, name = 'blue', mac = KEY } = {}): Uint8Array {
  return encodeSearch({ nonce: nonceOf(nonce), at, label: labelOf(name) }, mac)
}

function changed(change: (packet: Uint8Array) => void): Uint8Array {
  const packet = aPacket()
  change(packet)
  return packet
}

const hint = { clusterId: '0'.repeat(16), authorityHash: AUTHORITY, servers: [':7947'] }
const ownAnswer = encodeHint(hint, { kind: 'search', nonce: nonceOf(1), at: NOW, label: terms.label }, NOW, KEY)

test.each<{ name: string; packet: Uint8Array; from?: Partial<Arrival>; is: string }>([
  { name: 'a sound search gets an answer', packet: aPacket(), is: 'answer' },
  { name: 'a clock may be a minute slow', packet: aPacket({ at: NOW - 60_000 }), is: 'answer' },
  { name: 'a clock may be a minute fast', packet: aPacket({ at: NOW + 60_000 }), is: 'answer' },
  { name: 'an old packet', packet: aPacket({ at: NOW - 60_001 }), is: 'time is off' },
  { name: 'a packet from the future', packet: aPacket({ at: NOW + 60_001 }), is: 'time is off' },
  { name: 'a search for another cluster', packet: aPacket({ name: 'green' }), is: 'another cluster' },
  { name: 'a longer name with ours in it', packet: aPacket({ name: 'blue2' }), is: 'another cluster' },
  { name: 'a search signed with another key', packet: aPacket({ mac: aMac(2) }), is: 'wrong key' },
  { name: 'a packet with one bit changed', packet: changed((packet) => packet.set([1], 300)), is: 'wrong key' },
  { name: 'a packet of 513 bytes', packet: new Uint8Array(PACKET_BYTES + 1), is: 'too large' },
  { name: 'a search of 511 bytes', packet: aPacket().subarray(0, 511), is: 'smaller than a search' },
  { name: 'no bytes at all', packet: new Uint8Array(), is: 'not of this protocol' },
  { name: 'text of another protocol', packet: new TextEncoder().encode('{"node_id":"a"}'), is: 'not of this protocol' },
  { name: 'a later version', packet: changed((packet) => packet.set([2], 4)), is: 'another version' },
  { name: 'an unknown kind of packet', packet: changed((packet) => packet.set([9], 5)), is: 'malformed' },
  { name: 'the answer of a server', packet: ownAnswer, is: 'no search' },
  { name: 'a sender without a port', packet: aPacket(), from: { port: 0 }, is: 'no port to answer to' },
])('packets: $name', ({ packet, from, is }) => {
  const verdict = judgePacket(packet, { ...arrival, ...from }, terms, new AnswerLog())
  expect(verdict.kind === 'silence' ? verdict.because : verdict.kind).toBe(is)
})

test('an answer is signed with the key of its search', () => {
  const verdict = judgePacket(aPacket(), arrival, terms, new AnswerLog())
  expect(verdict).toMatchObject({ kind: 'answer', key: KEY, search: { nonce: nonceOf(1) } })
})

/** Judges and, as a server does, records what is answered. */
function answers(log: AnswerLog, packet: Uint8Array, from: Partial<Arrival> = {}): boolean {
  const at = { ...arrival, ...from }
  const verdict = judgePacket(packet, at, terms, log)
  if (verdict.kind === 'answer') log.record(at.address, verdict.search.nonce, at.now)
  return verdict.kind === 'answer'
}

test('a nonce is answered once, from wherever it comes, for as long as its time would pass', () => {
  const log = new AnswerLog()
  const packet = aPacket({ at: NOW + 60_000 })
  expect(answers(log, packet)).toBe(true)
  const later = [0, 1, 59_999, 119_999, 120_000].map((ms) =>
    answers(log, packet, { now: NOW + ms, address: '10.1.1.1' }),
  )
  expect(later).toEqual([false, false, false, false, false])
})

test('a source gets ten answers a second, and then more in the next', () => {
  const log = new AnswerLog()
  const at = (ms: number, count: number, from: number): number =>
    Array.from({ length: count }, (_, i) => answers(log, aPacket({ nonce: from + i }), { now: NOW + ms })).filter(
      Boolean,
    ).length
  expect(at(0, 5, 100)).toBe(5)
  expect(at(500, 20, 200)).toBe(ANSWERS_PER_SOURCE - 5)
  expect(at(999, 20, 300)).toBe(0)
  expect(at(1_000, 20, 400)).toBe(5)
  expect(at(1_500, 20, 500)).toBe(5)
})

test('all sources together get a hundred answers a second', () => {
  const log = new AnswerLog()
  const answered = Array.from({ length: 300 }, (_, i) =>
    answers(log, aPacket({ nonce: i }), { address: `10.0.${i}.1` }),
  )
  expect(answered.filter(Boolean).length).toBe(ANSWERS_IN_TOTAL)
  expect(answers(log, aPacket({ nonce: 999 }), { now: NOW + 1_000 })).toBe(true)
})

test('packets that are not answered cost their sender nothing of its rate', () => {
  const log = new AnswerLog()
  for (let i = 0; i < 1_000; i++) answers(log, aPacket({ nonce: i, mac: aMac(2) }))
  expect(answers(log, aPacket({ nonce: 5 }))).toBe(true)
})

test('a clock that is set back stops no answers', () => {
  const log = new AnswerLog()
  for (let i = 0; i < ANSWERS_PER_SOURCE; i++) answers(log, aPacket({ nonce: i }))
  const early = NOW - 3_600_000
  expect(answers(log, aPacket({ nonce: 50, at: early }), { now: early })).toBe(true)
})

test('a flood of sound searches from everywhere leaves a bounded memory, also when the clock stands still', () => {
  const log = new AnswerLog()
  for (let i = 0; i < 40_000; i++) {
    const now = NOW + Math.floor(i / 200) * 1_000
    answers(log, aPacket({ nonce: i, at: now }), { now, address: `10.${i % 200}.0.1` })
  }
  // 100 a second in the last two minutes.
  expect(log.size).toBe(12_000)
  for (let i = 0; i < 20_000; i++) log.record('10.0.0.1', nonceOf(100_000 + i), NOW)
  expect(log.size).toBe(16_384)
})

test('no bytes whatever make the judge throw, and what it answers had the size of a search', () => {
  const anyBytes = fc.uint8Array({ maxLength: 700 })
  const nearly = fc
    .tuple(fc.nat({ max: 511 }), fc.uint8Array({ maxLength: 64 }), fc.nat({ max: 512 }))
    .map(([at, bytes, end]) => {
      const packet = aPacket()
      packet.set(bytes.subarray(0, PACKET_BYTES - at), at)
      return packet.subarray(0, end)
    })
  fc.assert(
    fc.property(fc.oneof(anyBytes, nearly), fc.integer(), fc.nat({ max: 65_535 }), (packet, now, port) => {
      const verdict = judgePacket(packet, { address: 'a', port, now }, terms, new AnswerLog())
      if (verdict.kind === 'answer') expect(packet.length).toBe(PACKET_BYTES)
    }),
    { numRuns: 2_000 },
  )
})
