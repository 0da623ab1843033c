import { Command, Option } from 'commander'
import { expect, test } from 'vitest'
import { onlyOnce } from './only-once.ts'

function parsed(...words: string[]): unknown {
  const command = new Command('install')
    .option('--seeds <list>')
    .option('--label <pair>', 'a label; may be repeated', (text: string, before: string[] = []) => [...before, text])
    .addOption(new Option('--role <role>').choices(['server', 'agent']))
    .option('--region <name>', '', (text: string) => text)
    .option('--check')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  return onlyOnce(command).parse(words, { from: 'user' }).opts()
}

test('what is given once is taken, also with an equals sign, and what may be repeated is', () => {
  expect(parsed('--seeds=a,b', '--role', 'agent', '--label', 'x=1', '--label', 'y=2', '--check')).toEqual({
    seeds: 'a,b',
    role: 'agent',
    label: ['x=1', 'y=2'],
    check: true,
  })
})

test.each([
  ['--seeds', 'a', '--seeds=b'],
  ['--role', 'agent', '--role', 'agent'],
  ['--region', 'a', '--region', 'b'],
])('an option that is given twice is refused: %s', (...words) => {
  expect(() => parsed(...words)).toThrow('it is given twice')
})

test('a word that is no choice is refused as before', () => {
  expect(() => parsed('--role', 'both')).toThrow('Allowed choices are server, agent')
})
