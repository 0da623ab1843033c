import { garbled } from './errors.ts'

// An event carries all labels of its container; nothing else comes near it.
const MOST_LINE_BYTES = 4 * 1024 * 1024

/** Decodes a stream of JSON objects, one per line. Throws UNAVAILABLE for what is none. */
export async function* jsonLines(chunks: AsyncIterable<Buffer>, doing: string): AsyncGenerator<object> {
  let parts: Buffer[] = []
  let length = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end))
      from = end + 1
      const value = decode(Buffer.concat(parts).toString('utf8'), doing)
      if (value !== null) yield value
      parts = []
      length = 0
    }
    parts.push(chunk.subarray(from))
    length += chunk.length - from
    if (length > MOST_LINE_BYTES) throw garbled(doing, 'has a line longer than any should be')
  }
  const rest = decode(Buffer.concat(parts).toString('utf8'), doing)
  if (rest !== null) yield rest
}

function decode(line: string, doing: string): object | null {
  if (line.trim() === '') return null
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    throw garbled(doing, 'is not JSON', error)
  }
  throw garbled(doing, 'is not an object')
}
