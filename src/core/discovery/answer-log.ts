import type { Millis } from '../model/ids.ts'

export const ANSWERS_PER_SOURCE = 10
export const ANSWERS_IN_TOTAL = 100
const WINDOW_MS = 1_000
/** A search is taken up to a minute before and after its time, so a nonce can come again for two. */
const NONCE_LIFE_MS = 120_000
/** More than are answered in two minutes; only a clock that was set back could ask for more. */
const MOST_NONCES = 16_384

/** What was answered of late. Only answers are remembered, so no flood of whatever kind makes it grow. */
export class AnswerLog {
  readonly #nonces = new Map<string, Millis>()
  #recent: readonly { readonly source: string; readonly at: Millis }[] = []

  /** Nonces that are remembered. */
  get size(): number {
    return this.#nonces.size
  }

  hasAnswered(nonce: string): boolean {
    return this.#nonces.has(nonce)
  }

  /** Which rate one more answer to that source would break; null: none. */
  brokenRate(source: string, now: Millis): 'source' | 'total' | null {
    const recent = this.#recentAt(now)
    if (recent.length >= ANSWERS_IN_TOTAL) return 'total'
    return recent.filter((answer) => answer.source === source).length >= ANSWERS_PER_SOURCE ? 'source' : null
  }

  record(source: string, nonce: string, now: Millis): void {
    this.#recent = [...this.#recentAt(now), { source, at: now }].slice(-ANSWERS_IN_TOTAL)
    this.#nonces.set(nonce, now)
    for (const [old, at] of this.#nonces) {
      if (this.#nonces.size <= MOST_NONCES && now - at < NONCE_LIFE_MS) break
      this.#nonces.delete(old)
    }
  }

  // What lies ahead was before the clock was set back, and counts no longer.
  #recentAt(now: Millis): readonly { readonly source: string; readonly at: Millis }[] {
    return this.#recent.filter(({ at }) => at <= now && now - at < WINDOW_MS)
  }
}
