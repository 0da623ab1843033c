import type { CertificateAuthority } from '../core/model/identity.ts'
import type { Millis } from '../core/model/ids.ts'
import type { TrustUpdate } from '../core/model/message.ts'
import { AUTHORITY_KEY } from '../core/model/objects.ts'
import type { Certifier } from '../ports/certifier.ts'
import type { World } from './world.ts'

/** What renewing costs a server; so far apart are renewals that all nodes are asked for at once. */
const RENEWAL_MS: Millis = 50

/** What agents are to believe, whoever leads. */
export type TrustWords = Omit<TrustUpdate, 'kind' | 'authority'>

/** What agents are to believe now; the same object for as long as that stays the same. */
export class TrustText {
  readonly #world: World
  readonly #certifier: () => Certifier | null
  #authority: CertificateAuthority | null = null
  #revoked = ''
  #words: TrustWords | null = null

  constructor(world: World, certifier: () => Certifier | null) {
    this.#world = world
    this.#certifier = certifier
  }

  /** null: the cluster has no authority. */
  now(): TrustWords | null {
    const { mirror } = this.#world
    const authority = mirror.get(AUTHORITY_KEY)?.value ?? null
    const certifier = this.#certifier()
    if (authority === null || certifier === null) return null
    // An agent dials servers only, so the others do not concern it.
    const revokedServers = mirror
      .list('revoked')
      .flatMap(({ value }) => (value.role === 'server' ? [value.serial] : []))
    const revoked = revokedServers.join()
    if (this.#words === null || authority !== this.#authority || revoked !== this.#revoked) {
      this.#authority = authority
      this.#revoked = revoked
      this.#words = {
        bundle: authority.bundle.join(''),
        signing: certifier.nameOf(authority.signing.certificate),
        renewWithinMs: mirror.count('node') * RENEWAL_MS,
        revokedServers,
      }
    }
    return this.#words
  }
}
