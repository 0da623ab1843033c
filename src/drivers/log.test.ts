import { expect, test } from 'vitest'
import type { LogLevel } from '../ports/log.ts'
import { createLog } from './log.ts'

function capture(level: LogLevel, pretty: boolean): { lines: string[]; log: ReturnType<typeof createLog> } {
  const lines: string[] = []
  return { lines, log: createLog({ level, pretty, destination: { write: (line) => lines.push(line) } }) }
}

test('a log line is JSON with level, time, message and fields', () => {
  const { lines, log } = capture('info', false)
  log.warn('task ended', { task: 'web.1.1', exitCode: 3 })
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    message: 'task ended',
    task: 'web.1.1',
    exitCode: 3,
  })
})

test('messages below the level are dropped', () => {
  const { lines, log } = capture('warn', false)
  log.debug('a')
  log.info('b')
  log.error('c')
  expect(lines).toHaveLength(1)
})

test('an error in a field is printed with its code, message and cause', () => {
  const { lines, log } = capture('info', false)
  const cause = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' })
  log.error('failed', { error: new Error('no answer', { cause }) })
  expect(JSON.parse(lines[0] ?? '').error).toMatchObject({
    message: 'no answer',
    cause: { message: 'connection refused', code: 'ECONNREFUSED' },
  })
})

test('a line for people has no control characters from fields', () => {
  const { lines, log } = capture('info', true)
  log.info('output', { text: 'a\n\u001b[31mred' })
  expect(lines.join('')).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}output text="a\\n\\u001b\[31mred"\n$/)
})
