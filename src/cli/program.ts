import { Command } from 'commander'
import { checkArguments } from './argument-words.ts'
import type { Load } from './commands.ts'
import type { Context } from './context.ts'
import { ENVIRONMENT, GLOBAL_OPTIONS } from './globals.ts'
import { onlyOnce } from './only-once.ts'

/** The whole program, or the part of it that a line needs. */
export async function programOf(loads: readonly Load[], context: Context): Promise<Command> {
  const program = new Command('gantry')
    .description('Runs the services of a manifest on your machines.')
    .usage('[options] COMMAND')
    .enablePositionalOptions()
    .version(context.version, '--version', 'print the version')
    .addHelpText('after', afterword)
  for (const [flags, description] of GLOBAL_OPTIONS) program.option(flags, description)
  for (const load of loads) program.addCommand(await load(context))
  for (const command of everyCommand(program)) {
    command.helpOption('-h, --help', 'explain this command')
    command.helpCommand(false)
    command.exitOverride()
    command.showSuggestionAfterError(true)
    onlyOnce(command)
    checkArguments(command)
  }
  program.helpCommand('help [command]', 'explain a command')
  return program
}

/** A command and everything below it. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}

function afterword(): string {
  const widest = Math.max(...ENVIRONMENT.map(([name]) => name.length))
  return `
Environment:
${ENVIRONMENT.map(([name, meaning]) => `  ${name.padEnd(widest)}  ${meaning}`).join('\n')}

Examples:
  gantry up --first shop.yaml
  gantry plan --config shop.yaml
  gantry apply --config shop.yaml
  gantry logs web -f

\`gantry help COMMAND\` shows its options and examples.`
}
