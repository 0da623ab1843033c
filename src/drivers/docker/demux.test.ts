import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Demultiplexer, pieces } from './demux.ts'

function frame(stream: number, text: string): Buffer {
  const payload = Buffer.from(text)
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

/** Cuts a buffer at the given places. */
function* cut(whole: Buffer, places: readonly number[]): Generator<Buffer> {
  let from = 0
  for (const place of places.map((at) => at % (whole.length + 1)).sort((a, b) => a - b)) {
    yield whole.subarray(from, place)
    from = place
  }
  yield whole.subarray(from)
}

async function* chunksOf(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks
}

test('frames come out whole and in order, wherever the stream is cut', () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.string({ maxLength: 20 })), { maxLength: 8 })
  fc.assert(
    fc.property(frames, fc.array(fc.nat(), { maxLength: 12 }), (written, places) => {
      const demultiplexer = new Demultiplexer()
      const read: { stream: string; text: string }[] = []
      for (const chunk of cut(Buffer.concat(written.map(([stream, text]) => frame(stream, text))), places)) {
        for (const { stream, data, begins } of demultiplexer.feed(chunk)) {
          if (begins) read.push({ stream, text: '' })
          const last = read.at(-1)
          if (last) last.text += data.toString('latin1')
        }
      }
      const latin = (text: string): string => Buffer.from(text).toString('latin1')
      const expected = written.filter(([, text]) => text !== '')
      expect(read).toEqual(
        expected.map(([stream, text]) => ({ stream: stream === 1 ? 'stdout' : 'stderr', text: latin(text) })),
      )
      expect(demultiplexer.atBoundary).toBe(true)
    }),
  )
})

test('a chunk of thousands of frames is taken apart without recursion', () => {
  const chunk = Buffer.concat(Array.from({ length: 20_000 }, () => frame(1, 'x')))
  expect([...new Demultiplexer().feed(chunk)]).toHaveLength(20_000)
})

test('a frame of 4 GiB is passed on as it comes, not collected', () => {
  const demultiplexer = new Demultiplexer()
  const header = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])
  const chunk = Buffer.alloc(65_536)
  expect([...demultiplexer.feed(header)]).toEqual([])
  for (let i = 0; i < 100; i++) {
    const [piece, ...more] = demultiplexer.feed(chunk)
    // The same memory: nothing was copied.
    expect(piece?.data.buffer).toBe(chunk.buffer)
    expect(more).toEqual([])
  }
  expect(demultiplexer.atBoundary).toBe(false)
})

test.each([
  ['another stream', Buffer.from([7, 0, 0, 0, 0, 0, 0, 1, 65])],
  ['plain text', Buffer.from('HTTP/1.1 200 OK')],
  ['bytes that should be zero', Buffer.from([1, 1, 0, 0, 0, 0, 0, 1, 65])],
])('%s is not taken for a multiplexed stream', (_, chunk) => {
  expect(() => [...new Demultiplexer().feed(chunk)]).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }))
})

test('an error that the engine sends in the stream is thrown in its words', () => {
  const demultiplexer = new Demultiplexer()
  const chunks = [...cut(frame(3, 'Error grabbing logs: disk on fire\n'), [3, 15])]
  expect(() => chunks.flatMap((chunk) => [...demultiplexer.feed(chunk)])).toThrow(
    expect.objectContaining({
      code: 'RUNTIME_REFUSED',
      message: 'cannot read the output: Error grabbing logs: disk on fire',
    }),
  )
})

test('a stream that ends in the middle of a frame is an error, after what came of it', async () => {
  const read: string[] = []
  const reading = (async () => {
    for await (const { data } of pieces(chunksOf([frame(1, 'whole'), frame(1, 'half').subarray(0, 10)]), false)) {
      read.push(data.toString())
    }
  })()
  await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('broke it off') })
  expect(read).toEqual(['whole', 'ha'])
})

test('with a terminal there are no frames', async () => {
  const read: string[] = []
  for await (const { stream, data } of pieces(chunksOf([Buffer.from([1, 0, 0, 0])]), true)) {
    read.push(`${stream} ${data.toString('hex')}`)
  }
  expect(read).toEqual(['stdout 01000000'])
})
