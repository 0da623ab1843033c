import { expect, test } from 'vitest'
import { lastWordsOf } from './last-words.ts'

const info = '{"level":"info","ts":"2026-01-01T00:00:00Z","msg":"Etcd Version: 3.5.16"}'
const fatal =
  '{"level":"fatal","caller":"etcdmain/etcd.go:271","msg":"discovery failed","error":"listen tcp 10.0.0.3:2380: bind: cannot assign requested address","stacktrace":"go.etcd.io/etcd/etcdmain.Main\\n\\truntime/proc.go:250"}'

test('what it said last is told without the form of its log', () => {
  expect(lastWordsOf(`${info}\n${fatal}\n`)).toBe(
    'discovery failed: listen tcp 10.0.0.3:2380: bind: cannot assign requested address',
  )
  expect(lastWordsOf(`${fatal}\n${info}`)).toBe('Etcd Version: 3.5.16')
})

test('a panic is told, and not the last line of its stack', () => {
  expect(lastWordsOf(`${fatal}\npanic: freepages: failed\n\ngoroutine 1 [running]:\n\t/src/db.go:271 +0x1`)).toBe(
    'panic: freepages: failed',
  )
})

test('what a program says that could not begin is told, and a line that was cut off as it is', () => {
  expect(lastWordsOf(`${fatal}\nflag provided but not defined: -x\n`)).toBe('flag provided but not defined: -x')
  expect(lastWordsOf('{"level":"fatal","msg":"no sp')).toBe('{"level":"fatal","msg":"no sp')
  expect(lastWordsOf('')).toBe('')
})
