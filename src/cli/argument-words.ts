import type { Command } from 'commander'
import { OperationalError } from '../core/errors.ts'

/** No path is longer, and nothing has a name of that length. */
const LONGEST = 4_096

/** Refuses arguments that cannot be the name of anything. The words of a program to run are nobody's names. */
export function checkArguments(command: Command): void {
  for (const argument of command.registeredArguments) {
    if (argument.variadic) continue
    const { parseArg: parse } = argument
    argument.argParser((text: string, before: unknown) => {
      const why = text === '' ? 'is empty' : text.length > LONGEST ? `is longer than ${LONGEST} characters` : null
      if (why !== null) throw new OperationalError('USAGE', `the argument ${argument.name()} ${why}`)
      return parse === undefined ? text : parse(text, before)
    })
  }
}
