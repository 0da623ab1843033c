import type { Trust, TrustUpdate } from '../core/model/message.ts'

/** This machine's certificate and the authorities that it trusts, as its agent tells servers of them and hears of new ones. */
export interface OwnIdentity {
  /** null: it has no certificate. */
  trust(): Trust | null
  /** Believes from now on what a server says, and gets another certificate where that needs one. Resolves when it is durable. */
  learn(update: TrustUpdate): Promise<void>
  /** A server does not take the present certificate: gets another one soon. */
  renew(): void
}
