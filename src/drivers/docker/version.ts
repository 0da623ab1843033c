import { OperationalError } from '../../core/errors.ts'
import { garbled } from './errors.ts'

/** The newest version of the API that this driver knows. */
const OURS = '1.47'
/** The oldest that has all it uses. */
const OLDEST = '1.40'

/** What `GET /version` answers, as far as it is read. */
export interface VersionJson {
  readonly Version?: string
  readonly ApiVersion?: string
  readonly MinAPIVersion?: string
}

/** Chooses the version to speak: the older of the engine's newest and ours. Throws UNAVAILABLE when there is none. */
export function negotiateVersion(body: unknown): string {
  const { ApiVersion: newest, MinAPIVersion: oldest } = (body ?? {}) as VersionJson
  if (typeof newest !== 'string' || !/^\d+\.\d+$/.test(newest)) {
    throw garbled('ask for the version', 'names no version of the API')
  }
  const chosen = isOlder(newest, OURS) ? newest : OURS
  if (isOlder(chosen, OLDEST)) {
    throw new OperationalError('UNAVAILABLE', `the engine speaks version ${newest} of the API, older than ${OLDEST}`, {
      hint: 'update Docker Engine to 19.03 or newer',
    })
  }
  if (typeof oldest === 'string' && isOlder(chosen, oldest)) {
    throw new OperationalError('UNAVAILABLE', `the engine wants version ${oldest} of the API, newer than ${OURS}`, {
      hint: 'update Gantry',
    })
  }
  return chosen
}

function isOlder(a: string, b: string): boolean {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number)
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number)
  return aMajor !== bMajor ? aMajor < bMajor : aMinor < bMinor
}
