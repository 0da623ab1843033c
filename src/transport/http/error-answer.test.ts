import { expect, test } from 'vitest'
import { OperationalError } from '../../core/errors.ts'
import { errorAnswer, printable } from './error-answer.ts'

test('text of others cannot move a cursor, ring a bell or turn the direction of writing', () => {
  expect(printable('a\u001b[31mb\u0007\u202ec\u0000\r')).toBe('a\\u001b[31mb\\u0007\\u202ec\\u0000\\u000d')
  expect(printable('grün, 日本語\nnext')).toBe('grün, 日本語\nnext')
  expect(printable('x'.repeat(3_000))).toHaveLength(2_001)
})

test('every text of a failure is made printable, and its problems are bounded', () => {
  const problem = { path: 'a\u001b', message: 'b\u001b', hint: 'c\u001b', file: 'd\u001b', line: 1, column: 2 }
  const error = new OperationalError('SPEC_INVALID', 'bad\u001b', {
    hint: 'do\u001b',
    problems: Array(80).fill(problem),
  })
  const wire = errorAnswer(error, 'r1')
  expect(JSON.stringify(wire)).not.toContain('\u001b')
  expect(wire.error.problems).toHaveLength(50)
  expect(wire.error).toMatchObject({
    code: 'SPEC_INVALID',
    status: 422,
    retry: 'never',
    requestId: 'r1',
    hint: 'do\\u001b',
  })
})

test('a fault tells nothing of itself', () => {
  for (const fault of [new TypeError('secret'), 'secret', null, { message: 'secret' }]) {
    const { error } = errorAnswer(fault, 'r2')
    expect(error).toEqual({
      code: 'INTERNAL',
      status: 500,
      message: 'something went wrong in the server',
      hint: '',
      requestId: 'r2',
      retry: 'never',
    })
  }
})
