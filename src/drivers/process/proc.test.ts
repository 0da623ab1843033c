import { expect, test } from 'vitest'
import { isAlive, parseStat, processStat, residentBytes, sessionMembers } from './proc.ts'

test('a process whose name holds brackets and spaces is read right', () => {
  const text = '42 (a) R (b) S 1 40 39 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 12345 1000 2 3\n'
  expect(parseStat(text)).toEqual({ pid: 42, state: 'S', session: 39, cpuTicks: 100, startTicks: 12_345 })
})

test('this process is alive, and one of its pid with another start is not', () => {
  const startTicks = processStat(process.pid)?.startTicks ?? 0
  expect(isAlive({ pid: process.pid, startTicks })).toBe(true)
  expect(isAlive({ pid: process.pid, startTicks: startTicks + 1 })).toBe(false)
})

test('a pid that nobody has is no process', () => {
  expect(processStat(2 ** 22 + 1)).toBeNull()
  expect(residentBytes(2 ** 22 + 1)).toBe(0)
})

test('the session of a pid that somebody else has now has no members of ours', () => {
  expect(sessionMembers({ pid: process.pid, startTicks: 1 })).toEqual([])
})
