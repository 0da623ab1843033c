import { expect, test } from 'vitest'
import { usageError } from './usage.ts'

test.each([
  {
    said: "error: unknown option '--exitcode'\n(Did you mean --exit-code?)",
    message: "unknown option '--exitcode'",
    hint: '--exit-code, or `gantry help plan`',
  },
  {
    said: "error: unknown command 'serv'\n(Did you mean one of service, services?)",
    message: "unknown command 'serv'",
    hint: 'service or services, or `gantry help plan`',
  },
  {
    said: "error: too many arguments for 'plan'. Expected 0 arguments but got 1: x.",
    message: "too many arguments for 'plan': expected 0 arguments but got 1: x",
    hint: '`gantry help plan`',
  },
  {
    said: "error: option '--name <name>' argument 'a b' is invalid. \"a b\" is no name: use letters and . _ : -",
    message: "option '--name <name>' argument 'a b' is invalid: \"a b\" is no name: use letters and . _ : -",
    hint: '`gantry help plan`',
  },
])('$said', ({ said, message, hint }) => {
  expect(usageError(new Error(said), 'plan')).toMatchObject({ code: 'USAGE', message, hint })
})

test('without a command all of them are pointed at', () => {
  expect(usageError(new Error('error: x'), null).hint).toBe('`gantry help`')
})
