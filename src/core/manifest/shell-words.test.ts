import { expect, test } from 'vitest'
import { splitWords } from './shell-words.ts'

test.each<[string, readonly string[] | null]>([
  ['', []],
  ['  a   b\tc\n', ['a', 'b', 'c']],
  [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
  [`a'b'"c"d`, ['abcd']],
  [`"" ''`, ['', '']],
  [`a\\ b "c\\"d" '\\'`, ['a b', 'c"d', '\\']],
  [`"a\\n"`, ['a\\n']],
  [`"a`, null],
  [`it's`, null],
  ['$HOME *', ['$HOME', '*']],
])('splits %j into %j', (text, words) => {
  expect(splitWords(text)).toEqual(words)
})
