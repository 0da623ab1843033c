import type { Socket } from 'node:net'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { Hearing } from './hearing.ts'

const EVERY_MS = 1_000

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'performance'],
  })
  onTestFinished(() => void vi.useRealTimers())
})

/** An agent that says something once in each interval while it is there. */
function heard(
  hearing: Hearing,
  takes = true,
): { isThere: boolean; readonly told: string[]; readonly end: () => void } {
  const socket = { bytesRead: 0 }
  const told: string[] = []
  const agent = {
    isThere: true,
    told,
    end: hearing.add(socket as Socket, {
      onDoubt: (isDoubtful) => told.push(isDoubtful ? 'doubt' : 'heard again'),
      onSilence: () => {
        told.push('silence')
        agent.end()
      },
      onPace: (everyMs, taken) => {
        told.push(`every ${everyMs} ms`)
        if (!takes) return
        clearInterval(saying)
        saying = setInterval(say, everyMs)
        taken()
      },
    }),
  }
  const say = (): void => {
    if (agent.isThere) socket.bytesRead += 40
  }
  let saying = setInterval(say, EVERY_MS)
  return agent
}

test('agents that say something in each interval are heard', () => {
  const hearing = new Hearing(() => EVERY_MS)
  const agents = [heard(hearing), heard(hearing)]
  vi.advanceTimersByTime(60 * EVERY_MS)
  expect(agents.map(({ told }) => told)).toEqual([[], []])
})

test('one that misses a heartbeat is in doubt, heard again when it says something, and alone in that', () => {
  const hearing = new Hearing(() => EVERY_MS)
  const [late, other] = [heard(hearing), heard(hearing)]
  vi.advanceTimersByTime(5 * EVERY_MS)
  late.isThere = false
  vi.advanceTimersByTime(EVERY_MS)
  expect(late.told).toEqual([])
  vi.advanceTimersByTime(EVERY_MS)
  expect(late.told).toEqual(['doubt'])
  late.isThere = true
  vi.advanceTimersByTime(EVERY_MS + 300)
  expect([late.told, other.told]).toEqual([['doubt', 'heard again'], []])
})

test('one that stays silent is given up three seconds after its heartbeat was due, once', () => {
  const hearing = new Hearing(() => EVERY_MS)
  const agent = heard(hearing)
  agent.isThere = false
  vi.advanceTimersByTime(3_900)
  expect(agent.told).toEqual(['doubt'])
  vi.advanceTimersByTime(400)
  expect(agent.told).toEqual(['doubt', 'silence'])
  vi.advanceTimersByTime(20 * EVERY_MS)
  expect(agent.told).toEqual(['doubt', 'silence'])
})

test('a process that stood still itself for a minute is in doubt about nobody', () => {
  const hearing = new Hearing(() => EVERY_MS)
  const agent = heard(hearing)
  vi.advanceTimersByTime(EVERY_MS + 10)
  const before = performance.now()
  const stopped = vi.spyOn(performance, 'now').mockReturnValue(before + 60_000)
  vi.advanceTimersByTime(EVERY_MS / 2)
  stopped.mockRestore()
  expect(agent.told).toEqual([])
})

test('agents are asked for another interval, a hundred with each look, and are judged by it when they take it', () => {
  let everyMs = EVERY_MS
  const hearing = new Hearing(() => everyMs)
  const agents = Array.from({ length: 150 }, () => heard(hearing))
  const older = heard(hearing, false)
  vi.advanceTimersByTime(EVERY_MS)
  everyMs = 4 * EVERY_MS
  vi.advanceTimersByTime(300)
  expect(agents.filter(({ told }) => told.length > 0)).toHaveLength(100)
  vi.advanceTimersByTime(20 * EVERY_MS)
  expect(new Set(agents.flatMap(({ told }) => told))).toEqual(new Set(['every 4000 ms']))
  const [silent] = agents
  for (const agent of [silent, older]) if (agent !== undefined) agent.isThere = false
  vi.advanceTimersByTime(2 * EVERY_MS)
  expect([silent?.told, older.told]).toEqual([['every 4000 ms'], ['every 4000 ms', 'doubt']])
  vi.advanceTimersByTime(20 * EVERY_MS)
  expect(silent?.told).toEqual(['every 4000 ms', 'doubt', 'silence'])
})

test('with nobody left to hear no timer is left', () => {
  const hearing = new Hearing(() => EVERY_MS)
  const add = (): (() => void) =>
    hearing.add({ bytesRead: 0 } as Socket, {
      onDoubt: () => undefined,
      onSilence: () => undefined,
      onPace: () => undefined,
    })
  const ends = [add(), add()]
  vi.advanceTimersByTime(EVERY_MS)
  for (const end of ends) end()
  vi.advanceTimersByTime(EVERY_MS)
  expect(vi.getTimerCount()).toBe(0)
})
