import fc from 'fast-check'
import { expect, test } from 'vitest'
import { displayWidth, printable, shorten, table } from './table.ts'

test.each([
  { text: 'web', width: 3 },
  { text: '', width: 0 },
  { text: '注文', width: 4 },
  { text: 'Zoe\u0308', width: 3 },
  { text: '📦 box', width: 6 },
  { text: 'a\u200bb', width: 2 },
])('$text takes $width columns', ({ text, width }) => {
  expect(displayWidth(text)).toBe(width)
})

test.each([
  { text: 'service', width: 7, shown: 'service' },
  { text: 'services', width: 7, shown: 'servic…' },
  { text: '注文台帳', width: 6, shown: '注文…' },
  { text: 'abc', width: 1, shown: '…' },
  { text: 'abc', width: 0, shown: '' },
])('$text in $width columns is $shown', ({ text, width, shown }) => {
  expect(shorten(text, width)).toBe(shown)
})

test('a shortened text never takes more columns than it may, and a text that fits stays as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, width) => {
      const shown = shorten(text, width)
      expect(displayWidth(shown)).toBeLessThanOrEqual(width)
      if (displayWidth(text) <= width) expect(shown).toBe(text)
    }),
  )
})

test('columns stay aligned whatever stands in them', () => {
  const text = table(
    ['NAME', 'STATE'],
    [
      ['注文', 'ready'],
      ['web', { text: 'failed', paint: (shown) => `<${shown}>` }],
    ],
    80,
  )
  expect(text.split('\n')).toEqual(['NAME  STATE', '注文  ready', 'web   <failed>'])
})

test('the widest columns give way when the line is too long', () => {
  const lines = table(['NAME', 'IMAGE'], [['web', 'registry.example.com/shop/web:1.4.2']], 30).split('\n')
  expect(lines[1]).toBe('web   registry.example.com/sh…')
  expect(displayWidth(lines[1] ?? '')).toBe(30)
})

test('a remark that does not fit beside its row stands below it, uncut', () => {
  const rows = [
    ['web', 'pending', 'no node has 2 GiB of free memory'],
    ['api', 'ready', ''],
  ]
  expect(table(['NAME', 'STATE', ''], rows, 60).split('\n')[1]).toBe('web   pending  no node has 2 GiB of free memory')
  expect(table(['NAME', 'STATE', ''], rows, 30).split('\n')).toEqual([
    'NAME  STATE',
    'web   pending',
    '  no node has 2 GiB of free memory',
    'api   ready',
  ])
})

test('no text can move the cursor, change colours or turn the writing around', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = printable(text)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
      expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
      expect([...shown]).toHaveLength([...text].length)
    }),
  )
  expect(printable('\u001b[31mred\u202e')).toBe(' [31mred ')
})
