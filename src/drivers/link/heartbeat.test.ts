import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { beat, GIVE_UP_AFTER_MS, type Heartbeat, LEAST_LATE_MS } from './heartbeat.ts'

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

interface Told {
  /** When it asked. */
  readonly asks: number[]
  readonly silences: () => number
  readonly lates: () => number
  readonly heartbeat: Heartbeat
}

function listen(other: Other): Told {
  let bytes = 0
  let [silences, lates] = [0, 0]
  const asks: number[] = []
  const ping = (answer: (error: Error | null) => void): boolean => {
    asks.push(performance.now())
    if (other.answers) setTimeout(() => answer(null), 1)
    return true
  }
  const socket = {
    get bytesRead() {
      bytes += other.chatter
      return bytes
    },
  }
  const heartbeat = beat({ destroyed: false, ping } as unknown as Http2Session, socket as Socket, {
    everyMs: EVERY_MS,
    onLate: () => {
      lates += 1
    },
    onSilence: () => {
      silences += 1
    },
  })
  return { asks, silences: () => silences, lates: () => lates, heartbeat }
}

test('a heartbeat is said at its interval, and at another one as soon as that is told', () => {
  const { asks, silences, heartbeat } = listen({ answers: true, chatter: 0 })
  vi.advanceTimersByTime(10 * EVERY_MS + 10)
  expect(asks).toHaveLength(11)
  heartbeat.pace(250)
  vi.advanceTimersByTime(1_010)
  expect([asks.length, silences()]).toEqual([16, 0])
})

test('an end that stops answering is given up three seconds after an answer was due, not before', () => {
  const other = { answers: true, chatter: 0 }
  const { silences } = listen(other)
  vi.advanceTimersByTime(5 * EVERY_MS + 10)
  other.answers = false
  vi.advanceTimersByTime(EVERY_MS + GIVE_UP_AFTER_MS - 20)
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
  vi.advanceTimersByTime(EVERY_MS + GIVE_UP_AFTER_MS)
  expect(silences()).toBe(1)
})

test('an answer that is late is told, for each one, unless something else comes or this process stood still', () => {
  const other = { answers: true, chatter: 0 }
  const { lates } = listen(other)
  vi.advanceTimersByTime(5 * EVERY_MS + 10)
  other.answers = false
  vi.advanceTimersByTime(EVERY_MS + LEAST_LATE_MS)
  expect(lates()).toBe(0)
  vi.advanceTimersByTime(EVERY_MS)
  expect(lates()).toBe(1)
  other.chatter = 100
  vi.advanceTimersByTime(2 * EVERY_MS)
  expect(lates()).toBe(1)
  other.chatter = 0
  vi.advanceTimersByTime(20)
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000)
  vi.advanceTimersByTime(EVERY_MS / 2)
  expect(lates()).toBe(1)
})

test('a process that stood still itself gives the other end one more interval', () => {
  const other = { answers: true, chatter: 0 }
  const { silences } = listen(other)
  vi.advanceTimersByTime(EVERY_MS + 10)
  other.answers = false
  // The process is stopped for a minute: its clock goes on, its timers do not.
  const before = performance.now()
  const stopped = vi.spyOn(performance, 'now').mockReturnValue(before + 60_000)
  vi.advanceTimersByTime(EVERY_MS + GIVE_UP_AFTER_MS)
  expect(silences()).toBe(0)
  stopped.mockReturnValue(before + 60_000 + EVERY_MS)
  vi.advanceTimersByTime(EVERY_MS)
  expect(silences()).toBe(1)
})

test('after its end nothing is told any more', () => {
  const other = { answers: true, chatter: 0 }
  const { asks, silences, heartbeat } = listen(other)
  vi.advanceTimersByTime(EVERY_MS)
  const asked = asks.length
  heartbeat.end()
  heartbeat.pace(250)
  other.answers = false
  vi.advanceTimersByTime(20 * EVERY_MS)
  expect([asks.length, silences()]).toEqual([asked, 0])
  expect(vi.getTimerCount()).toBe(0)
})
