import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LogLine } from '../../ports/runtime.ts'
import type { Piece } from './demux.ts'
import { LogLines } from './log-lines.ts'

const STAMP = '2026-11-21T04:18:01.401506763Z'
const AT = Date.parse('2026-11-21T04:18:01.401Z')
const LATER_STAMP = '2026-11-21T04:18:02.000000000Z'
const LATER = Date.parse('2026-11-21T04:18:02Z')

type Frame = readonly [stream: 'stdout' | 'stderr', text: string]

function read(frames: readonly Frame[], options: { tty?: boolean; pieceBytes?: number } = {}): LogLine[] {
  const lines = new LogLines({ tty: options.tty ?? false })
  const found: LogLine[] = []
  for (const [stream, text] of frames) {
    const whole = Buffer.from(text)
    const step = options.pieceBytes ?? Math.max(whole.length, 1)
    for (let from = 0; from < whole.length; from += step) {
      const piece: Piece = { stream, data: whole.subarray(from, from + step), begins: !options.tty && from === 0 }
      found.push(...lines.feed(piece))
    }
  }
  return [...found, ...lines.finish()]
}

test('lines have their stream, time and text', () => {
  const frames = [
    ['stdout', `${STAMP} one\n`],
    ['stderr', `${LATER_STAMP} two  words \n`],
    ['stdout', `${STAMP} \n`],
  ] as const
  expect(read(frames)).toEqual([
    { stream: 'stdout', at: AT, text: 'one' },
    { stream: 'stderr', at: LATER, text: 'two  words ' },
    { stream: 'stdout', at: AT, text: '' },
  ])
})

test('lines are the same wherever a frame is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { maxLength: 4 }),
      fc.integer({ min: 1, max: 9 }),
      (texts, cut) => {
        const clean = texts.map((text) => text.replaceAll('\n', ''))
        const frames = clean.map((text) => ['stdout', `${STAMP} ${text}\n`] as const)
        const texts8 = clean.map((text) => Buffer.from(text).toString())
        expect(read(frames, { pieceBytes: cut }).map(({ text }) => text)).toEqual(texts8)
      },
    ),
  )
})

test('a line that the engine cut into frames is put together, between lines of the other stream', () => {
  const frames = [
    ['stdout', `${STAMP} begin `],
    ['stderr', `${STAMP} meanwhile\n`],
    ['stdout', `${LATER_STAMP} middle `],
    ['stdout', `${LATER_STAMP} end\n`],
  ] as const
  expect(read(frames)).toEqual([
    { stream: 'stderr', at: AT, text: 'meanwhile' },
    { stream: 'stdout', at: AT, text: 'begin middle end' },
  ])
})

test('a line of any length comes in pieces of at most 64 KiB, and no character is cut', () => {
  const text = `${'x'.repeat(65_535)}${'ü'.repeat(70_000)}`
  const frames = [...text.matchAll(/.{1,8000}/gu)].map(([part]) => ['stdout', `${STAMP} ${part}`] as const)
  const lines = read([...frames, ['stdout', `${STAMP} \n`]])
  expect(lines.map((line) => line.text).join('')).toBe(text)
  for (const line of lines) expect(Buffer.byteLength(line.text)).toBeLessThanOrEqual(65_536)
  expect(lines).toHaveLength(4)
})

test('a line of exactly 64 KiB is one line', () => {
  expect(read([['stdout', `${STAMP} ${'x'.repeat(65_536)}\n`]])).toHaveLength(1)
  const pair = read([
    ['stdout', `${STAMP} ${'x'.repeat(65_536)}\n`],
    ['stdout', `${LATER_STAMP} \n`],
  ])
  expect(pair.map(({ at, text }) => [at, text.length])).toEqual([
    [AT, 65_536],
    [LATER, 0],
  ])
})

test('a last line without an end is a line', () => {
  expect(read([['stdout', `${STAMP} prompt> `]])).toEqual([{ stream: 'stdout', at: AT, text: 'prompt> ' }])
})

test('a terminal has lines without frames, and ends them with two characters', () => {
  const text = `${STAMP} one\r\n${LATER_STAMP} two\r\n`
  for (const pieceBytes of [1, 7, 1000]) {
    expect(read([['stdout', text]], { tty: true, pieceBytes })).toEqual([
      { stream: 'stdout', at: AT, text: 'one' },
      { stream: 'stdout', at: LATER, text: 'two' },
    ])
  }
})

test('a line without a time keeps all of its text and the time of the one before', () => {
  const words = 'no time here, only words that go on and on, longer than any time is'
  const frames = [
    ['stdout', `${STAMP} one\n`],
    ['stdout', `${words}\n`],
  ] as const
  expect(read(frames)[1]).toEqual({ stream: 'stdout', at: AT, text: words })
})
