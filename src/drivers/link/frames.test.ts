import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gather } from '../../../test/link-bed.ts'
import { encodeBytes, encodeFrame, FrameReader, framesOf, MAX_FRAME_BYTES, valueIn } from './frames.ts'

/** The same bytes, cut at those places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

test('frames come out as they were put in, wherever the bytes between them are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.array(fc.nat(), { maxLength: 12 }), (values, places) => {
      const reader = new FrameReader()
      const bytes = Buffer.concat(values.map((value) => encodeBytes(value)))
      const read = cut(bytes, places).flatMap((piece) => reader.take(piece))
      expect(read.map((frame) => frame.toString('hex'))).toEqual(
        values.map((value) => Buffer.from(value).toString('hex')),
      )
    }),
  )
})

test('values come out as they were put in', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const [frame = Buffer.alloc(0)] = new FrameReader().take(encodeFrame(value))
      expect(valueIn(frame)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('a frame of the greatest size passes, and one byte more is neither sent nor taken in', () => {
  const greatest = encodeBytes(Buffer.alloc(MAX_FRAME_BYTES))
  expect(new FrameReader().take(greatest)[0]?.length).toBe(MAX_FRAME_BYTES)
  expect(() => encodeBytes(Buffer.alloc(MAX_FRAME_BYTES + 1))).toThrow('cannot send a message of 16777217 bytes')
  expect(() => encodeFrame('x'.repeat(MAX_FRAME_BYTES))).toThrow('cannot send a message of 16777218 bytes')
  const announced = Buffer.alloc(4)
  announced.writeUInt32BE(MAX_FRAME_BYTES + 1)
  expect(() => new FrameReader().take(announced)).toThrow('a message of 16777217 bytes was announced')
})

test('a stream that ends within a frame fails', async () => {
  const stream = new PassThrough()
  stream.end(encodeFrame('whole').subarray(0, 6))
  await expect(gather(framesOf(stream))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
