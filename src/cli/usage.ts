import { OperationalError } from '../core/errors.ts'

/**
 * Says in our own form what the parser of the command line says is wrong: a message without period, and as hint the
 * word that was probably meant and where all of them are listed.
 */
export function usageError(error: Error, command: string | null): OperationalError {
  const [first = '', ...others] = error.message.split('\n')
  const suggestion = /^\(Did you mean (?:one of )?(.+)\?\)$/.exec(others.join(' '))?.[1]
  const message = first
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .replace(/(?<=[\w'])\. (["\w])/g, (_, letter: string) => `: ${letter.toLowerCase()}`)
  const help = command === null ? '`gantry help`' : `\`gantry help ${command}\``
  const hint = suggestion === undefined ? help : `${suggestion.replace(/, (?=\S+$)/, ' or ')}, or ${help}`
  return new OperationalError('USAGE', message, { hint, cause: error })
}
