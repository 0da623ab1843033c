import { expect, test } from 'vitest'
import { signalName } from './signals.ts'

test.each([
  ['SIGTERM', 'SIGTERM'],
  ['quit', 'SIGQUIT'],
  ['sigUsr1', 'SIGUSR1'],
  ['15', '15'],
  ['SIGRTMIN+3', 'SIGRTMIN+3'],
  ['RTMAX-1', 'SIGRTMAX-1'],
  ['SIGFOO', null],
  ['0', null],
  ['65', null],
  ['SIG', null],
  ['', null],
])('the signal %j is %j', (text, name) => {
  expect(signalName(text)).toBe(name)
})
