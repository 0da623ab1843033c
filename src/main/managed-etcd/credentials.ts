import { renewAt } from '../../core/identity/certificate-policy.ts'
import type { Millis } from '../../core/model/ids.ts'
import { type StoreCredentials, writeStoreCredentials } from '../../drivers/etcd/store-files.ts'
import type { Authority } from '../../drivers/pki/authority.ts'
import { describeCertificate } from '../../drivers/pki/describe-certificate.ts'
import type { Rng } from '../../lib/rng.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'

export interface CredentialsDeps {
  readonly dataDir: string
  /** The one that signs first; all of them are trusted. */
  readonly authorities: readonly [Authority, ...Authority[]]
  readonly host: string
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  /** Uses them from now on; etcd reads its file by itself. */
  readonly take: (credentials: StoreCredentials) => void
}

/** What the clock can wait for in one go: Node's timers end at 2^31 ms. */
const LONGEST_WAIT_MS: Millis = 24 * 3_600_000

/** Makes a new certificate for the store in the second half of the present one's life, until the signal aborts. */
export async function keepCredentialsFresh(deps: CredentialsDeps, signal: AbortSignal): Promise<void> {
  const { dataDir, authorities, host, clock, rng, log } = deps
  const [authority, ...further] = authorities
  while (!signal.aborted) {
    const credentials = await writeStoreCredentials(dataDir, authority, host, clock.now(), further)
    deps.take(credentials)
    const { notBefore, notAfter } = describeCertificate(credentials.cert)
    log.info('certificate for the store made', { until: notAfter })
    const at = renewAt(notBefore, notAfter, rng.next())
    while (clock.now() < at && !signal.aborted) {
      // Ends early when the signal aborts, which the loop sees.
      await sleep(clock, Math.min(at - clock.now(), LONGEST_WAIT_MS), signal).catch(() => undefined)
    }
  }
}
