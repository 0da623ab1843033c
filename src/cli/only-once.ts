import { type Command, InvalidArgumentError } from 'commander'

const REPEATABLE = 'may be repeated'

/** Makes options be given at most once that do not say otherwise: of two words nobody can tell which was meant. */
export function onlyOnce(command: Command): Command {
  for (const option of command.options) {
    const { parseArg: parse } = option
    if (!(option.required || option.optional) || option.description.includes(REPEATABLE)) continue
    let given = false
    option.argParser((value: string, before: unknown) => {
      if (given) throw new InvalidArgumentError('it is given twice')
      given = true
      return parse === undefined ? value : parse(value, before)
    })
  }
  return command
}
