import { OperationalError } from '../core/errors.ts'
import { renewAt } from '../core/identity/certificate-policy.ts'
import type { Millis } from '../core/model/ids.ts'
import { describeCertificate } from '../drivers/pki/describe-certificate.ts'
import type { StoredIdentity } from '../drivers/pki/identity-files.ts'
import type { Rng } from '../lib/rng.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

export interface RenewalDeps {
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  readonly present: () => StoredIdentity
  /** Gets a new certificate for the same identity. Throws OperationalErrors. */
  readonly renew: (present: StoredIdentity) => Promise<StoredIdentity>
  /** Keeps it on disk, and uses it from now on. */
  readonly take: (next: StoredIdentity) => Promise<void>
}

const AGAIN_MS: Millis = 60_000
/** What the clock can wait for in one go: Node's timers end at 2^31 ms. */
const LONGEST_WAIT_MS: Millis = 24 * 3_600_000

/** Renews a certificate at a random point of the second half of its life, and the next one, until the signal aborts. */
export async function keepRenewed(deps: RenewalDeps, signal: AbortSignal): Promise<void> {
  const { clock, rng, log } = deps
  while (!signal.aborted) {
    const { notBefore, notAfter } = describeCertificate(deps.present().certificate)
    const at = renewAt(notBefore, notAfter, rng.next())
    while (clock.now() < at && !signal.aborted) await pause(clock, Math.min(at - clock.now(), LONGEST_WAIT_MS), signal)
    while (!signal.aborted) {
      try {
        await deps.take(await deps.renew(deps.present()))
        log.info('certificate renewed', { until: describeCertificate(deps.present().certificate).notAfter })
        break
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error
        const left = describeCertificate(deps.present().certificate).notAfter - clock.now()
        log.warn('certificate not renewed yet', { reason: error.message, hoursLeft: Math.floor(left / 3_600_000) })
        await pause(clock, AGAIN_MS + rng.below(AGAIN_MS), signal)
      }
    }
  }
}

/** Ends early when the signal aborts, which the loops above look for. */
function pause(clock: Clock, ms: Millis, signal: AbortSignal): Promise<void> {
  return sleep(clock, ms, signal).catch(() => undefined)
}
