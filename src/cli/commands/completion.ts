import { Argument, Command } from 'commander'
import type { Context } from '../context.ts'

// Names come from the server: the shell must take them as words and never expand them.
const SCRIPTS = {
  bash: `_gantry() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("$word")
  done < <(gantry __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _gantry gantry`,
  zsh: `#compdef gantry
_gantry() {
  local -a found
  found=("\${(@f)$(gantry __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _gantry gantry`,
  fish: `complete -c gantry -a '(gantry __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'`,
} as const

export function completionCommand(context: Context): Command {
  return new Command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'shell to complete in').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(gantry completion bash)\n  gantry completion fish > ~/.config/fish/completions/gantry.fish',
    )
    .action((shell: keyof typeof SCRIPTS) => context.print({ script: SCRIPTS[shell] }, ({ script }) => script))
}
