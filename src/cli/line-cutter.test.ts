import { expect, test } from 'vitest'
import { LineCutter } from './line-cutter.ts'

test('lines are whole however they arrive, characters too', () => {
  const bytes = new TextEncoder().encode('grün\r\nzwei\n\nrest')
  const cutter = new LineCutter()
  const lines = [...bytes].flatMap((byte) => cutter.push(Uint8Array.of(byte)))
  expect([lines, cutter.end(), cutter.end()]).toEqual([['grün', 'zwei', ''], ['rest'], []])
})

test('a line that does not end is cut', () => {
  const cutter = new LineCutter()
  expect(cutter.push(new TextEncoder().encode('x'.repeat(70_000)))).toEqual(['x'.repeat(70_000)])
  expect(cutter.push(new TextEncoder().encode('y\n'))).toEqual(['y'])
})
