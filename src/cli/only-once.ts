import { type Command, InvalidArgumentError } from 'commander'

/** Makes options that say one thing be given at most once: of two words nobody can tell which was meant. */
export function onlyOnce(command: Command): Command {
  for (const option of command.options) {
    const { parseArg: parse } = option
    if (!(option.required || option.optional) || (parse !== undefined && option.argChoices === undefined)) continue
    let given = false
    option.argParser((value: string, before: unknown) => {
      if (given) throw new InvalidArgumentError('it is given twice')
      given = true
      return parse === undefined ? value : parse(value, before)
    })
  }
  return command
}
