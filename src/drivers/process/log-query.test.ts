import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogLine, LogQuery } from '../../ports/runtime.ts'
import { systemClock } from '../clock.ts'
import { queryLogs } from './log-query.ts'
import { LogStream } from './log-stream.ts'

let directory = ''
let stdout: LogStream
let stderr: LogStream
let running = false
let wakeAll: (() => void)[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-logs-'))
  reopen()
  running = false
  wakeAll = []
})
afterEach(() => rmSync(directory, { recursive: true }))

/** As after a restart of Gantry. */
function reopen(): void {
  stdout = new LogStream(directory, 'stdout')
  stderr = new LogStream(directory, 'stderr')
}

/** Adds text as the program would, and lets Gantry note that it was there at that second. */
function write(log: LogStream, text: string, seconds: number): void {
  appendFileSync(log.current, text)
  utimesSync(log.current, seconds, seconds)
  log.mark()
}

function lines(query: Partial<LogQuery> = {}): AsyncGenerator<LogLine> {
  const source = {
    logs: [stdout, stderr],
    directory,
    clock: systemClock(),
    isRunning: () => running,
    onChange: (call: () => void) => {
      wakeAll.push(call)
      return () => undefined
    },
  }
  const whole = { follow: false, tail: null, since: null, ...query }
  return queryLogs(source, whole, new AbortController().signal)
}

async function texts(query: Partial<LogQuery> = {}): Promise<string[]> {
  const all: string[] = []
  for await (const { text } of lines(query)) all.push(text)
  return all
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
}

test('lines of both outputs are put in the order of their times', async () => {
  write(stdout, 'a\n', 1)
  write(stderr, 'b\n', 2)
  write(stdout, 'c\nd\n', 3)
  write(stderr, 'e\n', 4)
  const all: LogLine[] = []
  for await (const line of lines()) all.push(line)
  expect(all).toEqual([
    { stream: 'stdout', at: 1_000, text: 'a' },
    { stream: 'stderr', at: 2_000, text: 'b' },
    { stream: 'stdout', at: 3_000, text: 'c' },
    { stream: 'stdout', at: 3_000, text: 'd' },
    { stream: 'stderr', at: 4_000, text: 'e' },
  ])
})

test('times survive a restart of Gantry', async () => {
  write(stdout, 'a\n', 1)
  write(stdout, 'b\n', 2)
  reopen()
  expect(await texts({ since: 1_001 })).toEqual(['b'])
})

test('a tail is taken over both outputs together', async () => {
  write(stdout, 'a\n', 1)
  write(stderr, 'b\n', 2)
  write(stdout, 'c\nd\n', 3)
  expect(await texts({ tail: 3 })).toEqual(['b', 'c', 'd'])
  expect(await texts({ tail: 1 })).toEqual(['d'])
  expect(await texts({ tail: 0 })).toEqual([])
  expect(await texts({ tail: 9 })).toEqual(['a', 'b', 'c', 'd'])
})

test('a tail of a large log does not depend on what stands before', async () => {
  write(stdout, `${numbers(1, 200_000).join('\n')}\n`, 1)
  expect(await texts({ tail: 3 })).toEqual(numbers(199_998, 200_000))
  expect(await texts({ tail: 50_000 })).toEqual(numbers(150_001, 200_000))
})

test('a last line without an end is shown', async () => {
  write(stdout, 'a\nb', 1)
  expect(await texts()).toEqual(['a', 'b'])
  expect(await texts({ tail: 1 })).toEqual(['b'])
})

test('a log of one line end is one empty line', async () => {
  write(stdout, '\n', 1)
  expect(await texts({ tail: 5 })).toEqual([''])
  expect(await texts()).toEqual([''])
})

test('a character is never cut in two, neither by a long line nor by the size of a read', async () => {
  const text = `a${'ü'.repeat(200_000)}`
  write(stdout, `${text}\n`, 1)
  const pieces = await texts()
  expect(pieces.join('')).toBe(text)
  expect(Math.max(...pieces.map((piece) => Buffer.byteLength(piece)))).toBeLessThanOrEqual(65_536)
})

test('rotation keeps one old file, and reading goes through both', async () => {
  write(stdout, `${numbers(1, 3).join('\n')}\n`, 1)
  await stdout.rotate(10)
  write(stdout, 'line 4\n', 2)
  expect(readFileSync(stdout.current, 'utf8')).toBe('line 4\n')
  expect(await texts()).toEqual(numbers(1, 4))
  expect(await texts({ tail: 2 })).toEqual(numbers(3, 4))
  expect(await texts({ since: 1_500 })).toEqual(['line 4'])
  await stdout.rotate(5)
  write(stdout, 'line 5\n', 3)
  expect(await texts()).toEqual(numbers(4, 5))
})

test('a log that is not too large is not rotated', async () => {
  write(stdout, 'a\n', 1)
  await stdout.rotate(2)
  expect(stdout.generation).toBe(0)
})

test('a line across a rotation stays one line', async () => {
  write(stdout, 'begin', 1)
  await stdout.rotate(1)
  write(stdout, ' end\n', 2)
  expect(await texts()).toEqual(['begin end'])
})

test('following loses nothing when the log is rotated before all was read', async () => {
  running = true
  write(stdout, 'line 1\n', 1)
  const following = lines({ follow: true })
  expect((await following.next()).value).toMatchObject({ text: 'line 1' })
  write(stdout, 'line 2\n', 2)
  await stdout.rotate(1)
  write(stdout, 'line 3\n', 3)
  running = false
  const rest: string[] = []
  for await (const { text } of following) rest.push(text)
  expect(rest).toEqual(['line 2', 'line 3'])
})

test('following shows a line once it is complete, and an incomplete one at the end', async () => {
  running = true
  write(stdout, 'half', 1)
  const following = lines({ follow: true })
  const next = following.next()
  write(stdout, ' whole\nrest', 2)
  expect((await next).value).toMatchObject({ text: 'half whole' })
  const last = following.next()
  running = false
  for (const wake of wakeAll) wake()
  expect((await last).value).toMatchObject({ text: 'rest' })
  expect(await following.next()).toEqual({ value: undefined, done: true })
})

test('following from the end shows only what comes', async () => {
  running = true
  write(stdout, 'old\n', 1)
  const following = lines({ follow: true, tail: 0 })
  const next = following.next()
  await expect.poll(() => wakeAll.length).toBe(1)
  write(stdout, 'new\n', 2)
  expect((await next).value).toMatchObject({ text: 'new' })
  await following.return(undefined)
})

test('what somebody cut off is read as it is', async () => {
  write(stdout, 'a long first line\n', 1)
  writeFileSync(stdout.current, 'b\n')
  utimesSync(stdout.current, 2, 2)
  reopen()
  expect(await texts({ since: 1_500 })).toEqual(['b'])
})

test('notes of times stay few, however long the program runs', () => {
  for (let second = 1; second <= 5_000; second++) write(stdout, '.', second)
  expect(stdout.marks('current').length).toBeLessThanOrEqual(4_096)
  expect(stdout.marks('current').at(-1)).toEqual({ size: 5_000, at: 5_000_000 })
})

test('the files of a log are for their owner only', () => {
  mkdirSync(join(directory, 'x'))
  write(stdout, 'a\n', 1)
  expect(statSync(join(directory, 'stdout.marks')).mode & 0o077).toBe(0)
})
