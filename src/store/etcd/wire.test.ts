import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeRange, encodeRange, encodeTxn } from './kv-messages.ts'
import { decodeWatchAnswer, encodeWatch } from './watch-messages.ts'
import { WireReader, WireWriter } from './wire.ts'

test('numbers, texts and messages come back as they were written, and unknown fields are passed over', () => {
  const fields = fc.record({
    small: fc.maxSafeNat(),
    long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    text: fc.string({ unit: 'grapheme' }),
    flag: fc.boolean(),
    skipped: fc.uint8Array(),
  })
  fc.assert(
    fc.property(fields, ({ small, long, text, flag, skipped }) => {
      const bytes = new WireWriter()
        .int(1, small)
        .message(9, Buffer.from(skipped))
        .long(2, long)
        .exactLong(70, 5n)
        .text(3, text)
        .int(4, flag)
        .finish()
      const read = { small: 0, long: 0n, text: '', flag: false }
      const reader = new WireReader(bytes)
      while (reader.next()) {
        if (reader.field === 1) read.small = reader.int()
        else if (reader.field === 2) read.long = reader.long()
        else if (reader.field === 3) read.text = reader.text()
        else if (reader.field === 4) read.flag = reader.bool()
        else reader.skip()
      }
      expect(read).toEqual({ small, long, text, flag })
    }),
  )
})

test('negative numbers are read as such', () => {
  const reader = new WireReader(new WireWriter().long(1, -1n).finish())
  expect([reader.next(), reader.int()]).toEqual([true, -1])
})

test('a message that breaks off is an error, never half an answer', () => {
  const whole = new WireWriter().text(2, 'twelve bytes').finish()
  for (let length = 1; length < whole.length; length++) {
    const reader = new WireReader(whole.subarray(0, length))
    expect(() => {
      while (reader.next()) reader.bytes()
    }).toThrow('breaks off')
  }
})

test.each([
  [
    'a range',
    encodeRange({ key: 'a', rangeEnd: 'b', limit: 2, revision: 300, keysOnly: true }),
    '0a0161120162180220ac024001',
  ],
  [
    'a guarded put',
    encodeTxn({
      compare: [{ key: 'a', target: 'mod', revision: 0 }],
      success: [{ kind: 'put', key: 'a', value: 'v', lease: -1n }],
      failure: [{ kind: 'delete', key: 'a' }],
    }),
    // target mod = 2, mod_revision written although it is 0; lease as 64 bits.
    '0a0710021a01613000' +
      '1213' +
      '1211' +
      '0a0161' +
      '120176' +
      '18ffffffffffffffffff01' +
      '1a05' +
      '1a03' +
      '0a0161',
  ],
  ['a watch', encodeWatch({ key: 'a', startRevision: 1 }), '0a090a01611801' + '2001' + '4001'],
])('%s is written in the bytes that etcd expects', (_, bytes, hex) => {
  expect(bytes.toString('hex')).toBe(hex)
})

test('answers are read from the bytes that etcd sends', () => {
  // header{revision 7}, kv{key a, create 3, mod 5, version 1, value v}, more, count 9
  const range = Buffer.from(
    '0a021807' + '120c' + '0a0161' + '1003' + '1805' + '2001' + '2a0176' + '1801' + '2009',
    'hex',
  )
  expect(decodeRange(range)).toEqual({
    revision: 7,
    kvs: [{ key: 'a', value: Buffer.from('v'), createRevision: 3, modRevision: 5 }],
    more: true,
  })
  // header{revision 7}, watch_id -1, canceled, compact_revision 6, cancel_reason "x"
  const canceled = Buffer.from('0a021807' + '10ffffffffffffffffff01' + '2001' + '2806' + '320178', 'hex')
  expect(decodeWatchAnswer(canceled)).toMatchObject({
    canceled: true,
    compactRevision: 6,
    cancelReason: 'x',
    events: [],
  })
})
