import { OperationalError } from '../core/errors.ts'
import { DURATION_FORM, parseDuration } from '../core/manifest/units.ts'
import type { Millis } from '../core/model/ids.ts'
import { isHeartbeat } from '../core/node/vigilance.ts'

/** Reads `--heartbeat`. Throws USAGE for what is no time, or none for a heartbeat. */
export function heartbeat(text: string): Millis {
  const ms = parseDuration(text)
  if (ms !== null && isHeartbeat(ms)) return ms
  throw new OperationalError('USAGE', `${text} is no heartbeat`, { hint: `write ${DURATION_FORM}, from 250ms to 10s` })
}
