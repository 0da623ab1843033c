import { Argument, Command } from 'commander'
import { expect, test } from 'vitest'
import { checkArguments } from './argument-words.ts'

function parsed(...words: string[]): readonly string[] {
  const command = new Command('exec')
    .argument('<task>', 'task')
    .addArgument(new Argument('<shell>', 'shell').choices(['bash', 'zsh']))
    .argument('[command...]', 'program')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  checkArguments(command)
  return command.parse(words, { from: 'user' }).args
}

test('arguments are taken as they are, and the words of a program may be empty', () => {
  expect(parsed('web.1.1', 'zsh', 'sh', '-')).toEqual(['web.1.1', 'zsh', 'sh', '-'])
  expect(parsed('web.1.1', 'zsh', 'sh', '')).toEqual(['web.1.1', 'zsh', 'sh', ''])
})

test('what can be the name of nothing is refused, without its text', () => {
  expect(() => parsed('', 'zsh')).toThrow(/^the argument task is empty$/)
  expect(() => parsed('x'.repeat(4_097), 'zsh')).toThrow(/^the argument task is longer than 4096 characters$/)
  expect(() => parsed('web.1.1', 'fish')).toThrow('Allowed choices are bash, zsh')
})
