import { expect, test } from 'vitest'
import { AUTHORITY } from '../../../test/discovery-bed.ts'
import type { FoundHint } from '../../core/discovery/hint.ts'
import { systemClock } from '../clock.ts'
import { FoundHints } from './found-hints.ts'

const clock = systemClock()
const aHint = (n: number): FoundHint => {
  return { clusterId: '0123456789abcdef', authorityHash: AUTHORITY, servers: [`10.0.0.1:${n}`], from: '10.0.0.1' }
}

async function taken(hints: FoundHints, end = clock.now(), signal = new AbortController().signal) {
  const all: FoundHint[] = []
  for await (const hint of hints.until(clock, end, signal)) all.push(hint)
  return all
}

test('each distinct hint is given out once, in the order of arrival', async () => {
  const hints = new FoundHints()
  for (const n of [1, 2, 1, 2]) hints.add(aHint(n))
  expect(await taken(hints)).toEqual([aHint(1), aHint(2)])
  hints.add(aHint(1))
  hints.add(aHint(3))
  expect(await taken(hints)).toEqual([aHint(3)])
})

test('somebody who sends ever new hints fills no more than 64 places', async () => {
  const hints = new FoundHints()
  for (let n = 1; n <= 1_000; n++) hints.add(aHint(n))
  expect((await taken(hints)).length).toBe(64)
})

test('a hint that arrives while one waits for it is given out at once, and an abort ends the waiting', async () => {
  const hints = new FoundHints()
  const abort = new AbortController()
  const waiting = hints.until(clock, clock.now() + 3_600_000, abort.signal)
  const first = waiting.next()
  hints.add(aHint(1))
  expect(await first).toEqual({ done: false, value: aHint(1) })
  const second = waiting.next()
  abort.abort()
  expect(await second).toEqual({ done: true, value: undefined })
})
