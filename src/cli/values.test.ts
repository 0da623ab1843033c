import { expect, test } from 'vitest'
import { labelChanges, list, pair, programWords, revisionNumber, seconds, wholeNumber } from './values.ts'

test.each([
  { text: '90', ms: 90_000 },
  { text: '1.5', ms: 1_500 },
  { text: '90s', ms: 90_000 },
  { text: '500ms', ms: 500 },
  { text: '5m', ms: 300_000 },
  { text: '2h', ms: 7_200_000 },
])('$text is $ms ms', ({ text, ms }) => {
  expect(seconds(text)).toBe(ms)
})

test.each(['', '-5', '5 m', '5d', 'soon', '1e3'])('"%s" is no time', (text) => {
  expect(() => seconds(text)).toThrow('use a time like')
})

test.each(['', '-1', '1.5', '0x10', '99999999999'])('"%s" is no whole number', (text) => {
  expect(() => wholeNumber(text)).toThrow('use a whole number')
})

test('pairs and lists grow with each option; a value may contain =', () => {
  expect(pair('B=x=y', pair('A='))).toEqual({ A: '', B: 'x=y' })
  expect(() => pair('=x')).toThrow('use key=value')
  expect(() => pair('A=2', pair('A=1'))).toThrow('it gives A twice')
  expect(list('b', list('a'))).toEqual(['a', 'b'])
})

test('labels are set and taken away, each once', () => {
  expect(labelChanges(['disk=ssd', 'rack-', 'note=a=b'])).toEqual({ disk: 'ssd', rack: null, note: 'a=b' })
  for (const words of [
    ['a=1', 'a-'],
    ['a-', 'a=1'],
    ['a=1', 'a=2'],
    ['a-', 'a-'],
  ])
    expect(() => labelChanges(words)).toThrow('the label a is given twice')
  for (const word of ['', '-', '=x', 'a']) expect(() => labelChanges([word])).toThrow(`${word} is no label`)
})

test('the words of a program lose the -- before them, and no other', () => {
  expect(programWords(['--', 'ls', '--', '-l'])).toEqual(['ls', '--', '-l'])
  expect(programWords(['ls'])).toEqual(['ls'])
})

test('revisions are numbered from 1', () => {
  expect(revisionNumber('12')).toBe(12)
  for (const text of ['0', '-1', 'x', '01', '1.0']) expect(() => revisionNumber(text)).toThrow('is no revision number')
})
