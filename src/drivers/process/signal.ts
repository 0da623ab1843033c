import { constants } from 'node:os'
import { OperationalError } from '../../core/errors.ts'

const SIGNALS: Readonly<Record<string, number>> = constants.signals

/** Number of a signal given as `SIGTERM`, `term` or `15`. Throws RUNTIME_REFUSED for one that does not exist. */
export function signalNumber(name: string): number {
  if (/^\d{1,2}$/.test(name) && Number(name) >= 1 && Number(name) <= 64) return Number(name)
  const upper = name.toUpperCase()
  const number = SIGNALS[upper.startsWith('SIG') ? upper : `SIG${upper}`]
  if (number === undefined) throw new OperationalError('RUNTIME_REFUSED', `there is no signal ${name}`)
  return number
}
