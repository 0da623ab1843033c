import { Command, CommanderError } from 'commander'
import { ALIASES, COMMANDS } from './commands.ts'
import type { Context } from './context.ts'
import { GLOBAL_OPTIONS } from './globals.ts'

const USAGE = 2

/** Finds the command of a line and runs it; wrong usage ends with 2, help with 0. */
export async function runCommand(words: readonly string[], context: Context): Promise<void> {
  const named = words.find((word) => !word.startsWith('-')) ?? 'help'
  if (named === '__complete') {
    const { complete } = await import('./commands/completion.ts')
    const found = await complete(words.slice(1), [...Object.keys(COMMANDS), 'help'], context)
    process.stdout.write(found.map((word) => `${word}\n`).join(''))
    return
  }
  if (named === '__module') {
    const { runModule } = await import('../main/module-host.ts')
    context.exitCode = await runModule(words.slice(1))
    return
  }
  const name = ALIASES[named] ?? named
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  const program = await programOf(load === undefined ? Object.values(COMMANDS) : [load], context)
  const line = words.length === 0 ? ['help'] : words.map((word) => (word === named ? name : word))
  try {
    await program.parseAsync(line, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    context.exitCode = error.exitCode === 0 ? 0 : USAGE
  }
}

/** The whole program, or the part of it that a line needs. */
export async function programOf(
  loads: readonly ((context: Context) => Promise<Command>)[],
  context: Context,
): Promise<Command> {
  const program = new Command('gantry')
    .description('Runs the services of a manifest on your machines.')
    .usage('[options] COMMAND')
    .enablePositionalOptions()
    .version(context.version, '--version', 'print the version')
    .addHelpText(
      'after',
      '\nExamples:\n  gantry up --first shop.yaml\n  gantry plan --config shop.yaml\n  gantry apply --config shop.yaml\n  gantry logs web -f\n\n`gantry help COMMAND` shows its options and examples.',
    )
  for (const [flags, description] of GLOBAL_OPTIONS) program.option(flags, description)
  for (const load of loads) program.addCommand(await load(context))
  for (const command of everyCommand(program)) {
    command.exitOverride()
    command.configureOutput({ writeErr: (text) => process.stderr.write(text.replace(/^error:/, 'Error:')) })
    command.showSuggestionAfterError(true)
  }
  return program
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}
