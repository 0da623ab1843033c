import { type Command, InvalidArgumentError } from 'commander'

/** Makes options be given at most once, but for those that collect: of two words nobody can tell which was meant. */
export function onlyOnce(command: Command, collecting: readonly string[]): Command {
  for (const option of command.options) {
    const { parseArg: parse } = option
    if (!(option.required || option.optional) || collecting.includes(option.attributeName())) continue
    let given = false
    option.argParser((value: string, before: unknown) => {
      if (given) throw new InvalidArgumentError('it is given twice')
      given = true
      return parse === undefined ? value : parse(value, before)
    })
  }
  return command
}
