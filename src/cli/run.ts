import { type Command, CommanderError } from 'commander'
import { ALIASES, COMMANDS, type Load } from './commands.ts'
import { type Context, contextOf } from './context.ts'
import { takeGlobals } from './globals.ts'
import { everyCommand, programOf } from './program.ts'
import { usageError } from './usage.ts'

const USAGE = 2

/** Finds the command of a line and runs it. Wrong usage throws USAGE; help is a result like any other. */
export async function runCommand(words: readonly string[], context: Context): Promise<void> {
  if (words[0] === '__complete') return printCandidates(words.slice(1), context)
  if (words[0] === '__module') {
    const { runModule } = await import('../main/module-host.ts')
    context.exitCode = await runModule(words.slice(1))
    return
  }
  const line = straightened(words)
  const name = line.find((word) => !word.startsWith('-')) ?? ''
  const program = await programOf(loadsFor(name), context)
  await parse(program, line, commandNamed(name) === null ? null : name, context)
}

/** Aliases become the command they stand for, `help apply` becomes `apply --help`, and `help` alone `--help`. */
function straightened(words: readonly string[]): readonly string[] {
  if (words[0] === 'help') {
    const asked = words.length === 1 ? ['--help'] : straightened(words.slice(1))
    // Of a word that is no command the parser shall say what was probably meant.
    return asked.includes('--help') || commandNamed(asked[0] ?? '') === null ? asked : [...asked, '--help']
  }
  const at = words.findIndex((word) => !word.startsWith('-'))
  const meant = ALIASES[words[at] ?? '']
  return meant === undefined ? words : words.with(at, meant)
}

function commandNamed(name: string): Load | null {
  return Object.hasOwn(COMMANDS, name) ? (COMMANDS[name] ?? null) : null
}

/** The command that is named, or all of them where they are listed or one is looked for. */
function loadsFor(name: string): readonly Load[] {
  const load = commandNamed(name)
  return load === null ? Object.values(COMMANDS) : [load]
}

async function parse(program: Command, line: readonly string[], name: string | null, context: Context): Promise<void> {
  let told = ''
  const writeErr = (text: string): void => {
    told += text
  }
  for (const command of everyCommand(program)) command.configureOutput({ writeErr })
  try {
    await program.parseAsync([...line], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return
    if (error.code !== 'commander.help') throw usageError(error, name === null ? null : wordsOf(program, line))
    // A command that needs another word after it shows which ones there are.
    process.stderr.write(told)
    context.exitCode = USAGE
  }
}

/** The command that a line names, with the words below it: `node drain`. */
function wordsOf(program: Command, line: readonly string[]): string {
  const words: string[] = []
  let at: Command | undefined = program
  for (const word of line) {
    at = at.commands.find((command) => command.name() === word || command.aliases().includes(word))
    if (at === undefined) break
    words.push(at.name())
  }
  return words.join(' ')
}

async function printCandidates(words: readonly string[], context: Context): Promise<void> {
  const { complete } = await import('./complete.ts')
  const line = words[0] === '--' ? words.slice(1) : words
  const { globals, rest } = takeGlobals(line.slice(0, -1), context.env, () => undefined)
  const before = rest.length === 0 ? rest : straightened(rest)
  const program = await programOf(loadsFor(before[0] ?? ''), context)
  const found = await complete([...before, line.at(-1) ?? ''], program, await contextOf(globals, context.version))
  process.stdout.write(found.map((word) => `${word}\n`).join(''))
}
