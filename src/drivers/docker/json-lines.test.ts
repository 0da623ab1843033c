import { expect, test } from 'vitest'
import { jsonLines } from './json-lines.ts'

async function read(chunks: readonly string[]): Promise<object[]> {
  const values: object[] = []
  async function* source(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk)
  }
  for await (const value of jsonLines(source(), 'follow events')) values.push(value)
  return values
}

test.each([
  [['{"a":1}\n{"a":2}\n']],
  [['{"a"', ':1}', '\n', '{"a":2}']],
  [['{"a":1}\r\n\r\n{"a":', '2}\n']],
])('objects come out whole, however %j is cut', async (chunks) => {
  expect(await read(chunks)).toEqual([{ a: 1 }, { a: 2 }])
})

test.each(['{"a":', 'null\n', '<html>\n', '[1\n'])('%j is no line of JSON objects', async (chunk) => {
  await expect(read([chunk])).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/^cannot follow events: the engine's answer is not/),
  })
})

test('a line without an end is not collected for ever', async () => {
  await expect(read(Array.from({ length: 5 }, () => 'x'.repeat(1_000_000)))).rejects.toMatchObject({
    message: expect.stringContaining('longer than any should be'),
  })
})
