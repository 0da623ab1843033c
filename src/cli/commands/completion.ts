import { Argument, Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { Context } from '../context.ts'

const SCRIPTS = {
  bash: `_gantry() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(gantry __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _gantry gantry`,
  zsh: `#compdef gantry
_gantry() {
  local -a words_found
  words_found=("\${(@f)$(gantry __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a words_found
}
compdef _gantry gantry`,
  fish: `complete -c gantry -f -a '(gantry __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'`,
} as const

/** Commands whose arguments are names that the server knows. */
const NAMED: Readonly<Record<string, 'services' | 'tasks' | 'both'>> = {
  services: 'services',
  tasks: 'services',
  service: 'services',
  logs: 'both',
  explain: 'both',
  exec: 'tasks',
  task: 'tasks',
}

export function completionCommand(context: Context): Command {
  return new Command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(gantry completion bash)\n  gantry completion fish > ~/.config/fish/completions/gantry.fish',
    )
    .action((shell: keyof typeof SCRIPTS) => context.print({ script: SCRIPTS[shell] }, ({ script }) => script))
}

/** What may stand at the end of these words, one candidate a line. Without a server only commands are known. */
export async function complete(
  words: readonly string[],
  commands: readonly string[],
  context: Context,
): Promise<readonly string[]> {
  const [first = '', ...rest] = words
  if (rest.length === 0) return commands.filter((name) => name.startsWith(first))
  const named = NAMED[first]
  if (named === undefined) return []
  const last = rest.at(-1) ?? ''
  try {
    const names: string[] = []
    if (named !== 'tasks') names.push(...(await context.client().services()).map(({ name }) => name))
    if (named !== 'services')
      names.push(...(await context.client().tasks({ service: null, all: false })).map(({ id }) => id))
    return names.filter((name) => name.startsWith(last))
  } catch (error) {
    if (error instanceof OperationalError) return []
    throw error
  }
}
