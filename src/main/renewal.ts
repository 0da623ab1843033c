import { OperationalError } from '../core/errors.ts'
import { renewAt } from '../core/identity/certificate-policy.ts'
import type { Millis } from '../core/model/ids.ts'
import { describeCertificate } from '../drivers/pki/describe-certificate.ts'
import type { StoredIdentity } from '../drivers/pki/identity-files.ts'
import type { Rng } from '../lib/rng.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

export interface RenewalDeps {
  /** What waits; it may stand still while the machine sleeps. */
  readonly clock: Clock
  /** What certificates go by. */
  readonly wall: () => Millis
  readonly rng: Rng
  readonly log: Log
  readonly present: () => StoredIdentity
  /** Gets a new certificate for the same machine. Throws OperationalErrors. */
  readonly renew: (present: StoredIdentity) => Promise<StoredIdentity>
  /** Keeps it on disk, and uses it from now on. */
  readonly take: (next: StoredIdentity) => Promise<void>
}

const AGAIN_MS: Millis = 60_000
/** While the certificate is good for nothing, somebody waits. */
const AGAIN_SOON_MS: Millis = 2_000
/** A machine that slept, or whose clock was set, sees so late that its certificate's time has come. */
const LOOK_EVERY_MS: Millis = 60_000

/** Renews a certificate at a random point of the second half of its life, or when it is asked to, and the next one after it. */
export class Renewal {
  readonly #deps: RenewalDeps
  readonly #ending = new AbortController()
  #dueAt: Millis = 0
  #hurried = false
  #wake: () => void = () => undefined

  constructor(deps: RenewalDeps) {
    this.#deps = deps
  }

  /** Renews at a random point within this time, or sooner where that was due anyway. */
  soon(withinMs: Millis): void {
    const { clock, rng } = this.#deps
    const at = clock.now() + rng.below(Math.max(1, Math.floor(withinMs)))
    if (this.#hurried && this.#dueAt <= at) return
    this.#hurried = true
    this.#dueAt = at
    this.#wake()
  }

  end(): void {
    this.#ending.abort(new Error('the process ends'))
  }

  /** Runs until `end`. */
  async run(): Promise<void> {
    const { clock, wall, rng } = this.#deps
    while (!this.#isOver) {
      const { notBefore, notAfter } = describeCertificate(this.#deps.present().certificate)
      const at = renewAt(notBefore, notAfter, rng.next())
      const isDue = (): boolean => (this.#hurried && this.#dueAt <= clock.now()) || wall() >= at || wall() < notBefore
      while (!isDue() && !this.#isOver) {
        const left = Math.min(at - wall(), LOOK_EVERY_MS)
        await this.#pause(this.#hurried ? Math.min(left, this.#dueAt - clock.now()) : left)
      }
      await this.#untilRenewed()
    }
  }

  async #untilRenewed(): Promise<void> {
    const { rng, log, wall } = this.#deps
    while (!this.#isOver) {
      this.#hurried = false
      try {
        await this.#deps.take(await this.#deps.renew(this.#deps.present()))
        const { notAfter } = describeCertificate(this.#deps.present().certificate)
        log.info('certificate renewed', { until: new Date(notAfter).toISOString() })
        return
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error
        const { notBefore, notAfter } = describeCertificate(this.#deps.present().certificate)
        const isGood = wall() >= notBefore && wall() < notAfter
        log.warn('certificate not renewed yet', { reason: error.message, until: new Date(notAfter).toISOString() })
        const pauseMs = isGood ? AGAIN_MS : AGAIN_SOON_MS
        await this.#pause(pauseMs + rng.below(pauseMs))
      }
    }
  }

  get #isOver(): boolean {
    return this.#ending.signal.aborted
  }

  /** Ends early when something else is due or this ends, which the loops above look for. */
  async #pause(ms: Millis): Promise<void> {
    const hurry = new AbortController()
    this.#wake = () => hurry.abort(new Error('something is due'))
    const signal = AbortSignal.any([this.#ending.signal, hurry.signal])
    await sleep(this.#deps.clock, Math.max(0, ms), signal).catch(() => undefined)
  }
}
