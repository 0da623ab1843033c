import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { COMMANDS } from '../src/cli/commands.ts'
import { contextOf } from '../src/cli/context.ts'
import { EXIT_CODES } from '../src/cli/exit-codes.ts'
import { ENVIRONMENT, takeGlobals } from '../src/cli/globals.ts'
import { programOf } from '../src/cli/program.ts'
import { ERRORS } from '../src/core/errors.ts'

const PAGE = 'docs/reference/cli.md'
const WIDTH = 110

/** With UPDATE_GENERATED=1 the generated parts are rewritten instead of compared; review them as a diff. */
const update = process.env['UPDATE_GENERATED'] === '1'

async function program(): Promise<Command> {
  const { globals } = takeGlobals([], {}, () => undefined)
  return programOf(Object.values(COMMANDS), await contextOf(globals, '0.0.0'))
}

/** What `gantry help COMMAND` prints. */
function helpOf(command: Command): string {
  let text = ''
  const writeOut = (part: string): void => {
    text += part
  }
  command.configureOutput({ writeOut, getOutHelpWidth: () => WIDTH }).outputHelp()
  return text.trim()
}

/** A command of the user's words and those below it, each with its full name. */
function* named(command: Command, parents: readonly string[] = []): Generator<{ name: string; command: Command }> {
  const path = [...parents, command.name()]
  yield { name: path.join(' '), command }
  for (const below of command.commands) yield* named(below, path)
}

async function parts(): Promise<Readonly<Record<string, string>>> {
  const whole = await program()
  const all = [...named(whole)].filter(({ command }) => command !== whole)
  const commands = all.map(({ name, command }) => `### ${name}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``)
  return {
    overview: `\`\`\`text\n${helpOf(whole)}\n\`\`\``,
    commands: commands.join('\n\n'),
    'exit codes': table(['code', 'meaning'], Object.entries(EXIT_CODES)),
    environment: table(
      ['variable', 'meaning'],
      ENVIRONMENT.map(([name, meaning]) => [`\`${name}\``, meaning]),
    ),
  }
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

test('the reference of the command line is what the commands say of themselves, and nothing else', async () => {
  const text = readFileSync(PAGE, 'utf8')
  const current = await parts()
  expect([...text.matchAll(/<!-- begin ([^>]+) -->/g)].map(([, name]) => name)).toEqual(Object.keys(current))
  const fresh = text.replaceAll(
    /(<!-- begin ([^>]+) -->\n)[\s\S]*?(<!-- end \2 -->)/g,
    (_, begin: string, name: string, end: string) => `${begin}${current[name]}\n${end}`,
  )
  if (update) writeFileSync(PAGE, fresh)
  expect(readFileSync(PAGE, 'utf8')).toBe(fresh)
})

test('every command says what it does and shows an example with options that it has', async () => {
  const globals = helpOf(await program())
  for (const { name, command } of named(await program())) {
    expect(command.description(), name).not.toBe('')
    const help = helpOf(command)
    const examples = help.split('\n').filter((line) => `${line} `.includes(`  ${name} `) && !line.includes('Usage:'))
    expect(examples.length, `${name} has no example`).toBeGreaterThan(0)
    // Behind `--` stand the options of another program, behind a sign those of another command.
    const words = examples.map((line) => line.split(/ -- | && | > /)[0]).join(' ')
    for (const [option = ''] of words.matchAll(/ --[a-z-]+/g))
      expect(`${help}\n${globals}`, name).toContain(`${option} `)
  }
})

test('every argument and option says what it is', async () => {
  for (const { name, command } of named(await program())) {
    const silent = [
      ...command.registeredArguments.map((one) => [one.name(), one.description]),
      ...command.options.map((one) => [one.flags, one.description]),
    ]
    expect(
      silent.filter(([, description]) => !description),
      name,
    ).toEqual([])
  }
})

test('every code that an error ends with is in the table of exit codes', () => {
  const known = Object.keys(EXIT_CODES).map(Number)
  expect([...new Set(Object.values(ERRORS).map(({ exit }) => exit))].filter((exit) => !known.includes(exit))).toEqual(
    [],
  )
})

test('commands and options that the pages of the project name are there', async () => {
  const whole = await program()
  const help = new Map([...named(whole)].map(({ name, command }) => [name, `${helpOf(command)}\n${helpOf(whole)}`]))
  help.set('gantry help', '')
  const pages = ['README.md', PAGE, 'CONTRIBUTING.md', 'docs/reference/http.md', 'docs/reference/manifest.md']
  for (const page of pages) {
    for (const [line = '', words = ''] of readFileSync(page, 'utf8').matchAll(
      /(?:\.\/bin\/|`)gantry ([a-z][^\n`|#&>]*)/g,
    )) {
      const [first = '', second = ''] = words.trim().split(/\s+/)
      const name = help.has(`gantry ${first} ${second}`) ? `gantry ${first} ${second}` : `gantry ${first}`
      expect([...help.keys()], `${page}: ${line}`).toContain(name)
      const options = words.split(' -- ')[0]?.match(/(?<= )--?[a-z][a-z-]*/g) ?? []
      for (const option of options) expect(help.get(name), `${page}: ${line}`).toContain(option)
    }
  }
})
