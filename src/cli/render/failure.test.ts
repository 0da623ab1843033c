import { expect, test } from 'vitest'
import { OperationalError, type Problem } from '../../core/errors.ts'
import { failureText } from './failure.ts'
import { styleFor } from './style.ts'

const STYLE = styleFor(false)

const problem = (change: Partial<Problem>): Problem => {
  return { path: '', message: 'it is in use', hint: '', file: null, line: null, column: null, ...change }
}

test('an only problem that the message ends with is not said again', () => {
  const problems = [problem({ path: 'db' })]
  const error = new OperationalError('PREREQUISITE', 'it cannot be applied: db: it is in use', { problems })
  expect(failureText(error, STYLE, false)).toBe('Error: it cannot be applied: db: it is in use')
})

test('what has a place in a file, and what the message does not say, is said', () => {
  const placed = new OperationalError('SPEC_INVALID', 'it is in use', { problems: [problem({ line: 3 })] })
  expect(failureText(placed, STYLE, false).split('\n')).toHaveLength(2)
  const problems = [problem({ message: 'it is full' })]
  const other = new OperationalError('PREREQUISITE', 'it cannot be applied', { problems })
  expect(failureText(other, STYLE, false).split('\n')).toHaveLength(2)
})

test('a message that repeats a whole file is cut', () => {
  const error = new OperationalError('USAGE', `cannot find ${'x'.repeat(10_000)}`)
  expect(failureText(error, STYLE, false).length).toBeLessThan(2_100)
})
