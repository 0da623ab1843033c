import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { beat } from './heartbeat.ts'

const EVERY_MS = 1_000

/** The other end, as a heartbeat sees it. */
interface Other {
  answers: boolean
  /** Bytes that arrive each time somebody looks. */
  chatter: number
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'performance'],
  })
  onTestFinished(() => void vi.useRealTimers())
})

function listen(other: Other): { readonly silences: () => number; readonly beats: () => number; end: () => void } {
  let bytes = 0
  let beats = 0
  let silences = 0
  const ping = (answer: (error: Error | null) => void): boolean => {
    if (other.answers) setTimeout(() => answer(null), 1)
    return true
  }
  const socket = {
    get bytesRead() {
      bytes += other.chatter
      return bytes
    },
  }
  const end = beat({ destroyed: false, ping } as unknown as Http2Session, socket as Socket, {
    everyMs: EVERY_MS,
    onBeat: () => {
      beats += 1
    },
    onSilence: () => {
      silences += 1
    },
  })
  return { silences: () => silences, beats: () => beats, end }
}

test('an end that answers is heard with each beat', () => {
  const { beats, silences } = listen({ answers: true, chatter: 0 })
  vi.advanceTimersByTime(10 * EVERY_MS + 10)
  expect([beats(), silences()]).toEqual([11, 0])
})

test('an end that stops answering is given up three intervals after its last answer, not before', () => {
  const other = { answers: true, chatter: 0 }
  const { silences } = listen(other)
  vi.advanceTimersByTime(5 * EVERY_MS + 10)
  other.answers = false
  vi.advanceTimersByTime(3 * EVERY_MS - 20)
  expect(silences()).toBe(0)
  vi.advanceTimersByTime(20)
  expect(silences()).toBe(1)
})

test('an end that does not answer but says other things is alive until it falls silent', () => {
  const other = { answers: false, chatter: 100 }
  const { silences } = listen(other)
  vi.advanceTimersByTime(20 * EVERY_MS)
  expect(silences()).toBe(0)
  other.chatter = 0
  vi.advanceTimersByTime(3 * EVERY_MS)
  expect(silences()).toBe(1)
})

test('a process that stood still itself gives the other end one more interval', () => {
  const other = { answers: true, chatter: 0 }
  const { silences } = listen(other)
  vi.advanceTimersByTime(EVERY_MS + 10)
  other.answers = false
  // The process is stopped for a minute: its clock goes on, its timers do not.
  const before = performance.now()
  const stopped = vi.spyOn(performance, 'now').mockReturnValue(before + 60_000)
  vi.advanceTimersByTime(3 * EVERY_MS)
  expect(silences()).toBe(0)
  stopped.mockReturnValue(before + 60_000 + EVERY_MS)
  vi.advanceTimersByTime(EVERY_MS)
  expect(silences()).toBe(1)
})

test('after its end nothing is told any more', () => {
  const other = { answers: true, chatter: 0 }
  const { beats, silences, end } = listen(other)
  vi.advanceTimersByTime(EVERY_MS)
  const heard = beats()
  end()
  other.answers = false
  vi.advanceTimersByTime(20 * EVERY_MS)
  expect([beats(), silences()]).toEqual([heard, 0])
  expect(vi.getTimerCount()).toBe(0)
})
