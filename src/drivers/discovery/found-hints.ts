import type { FoundHint } from '../../core/discovery/hint.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Clock } from '../../ports/clock.ts'

/** Bound on memory, for anybody near may forge what has no secret. */
const MOST_HINTS = 64

/** Distinct hints in the order of their arrival; those that nobody has taken yet wait. */
export class FoundHints {
  readonly #known = new Set<string>()
  readonly #waiting: FoundHint[] = []
  #wake: () => void = () => undefined

  add(hint: FoundHint): void {
    const text = JSON.stringify(hint)
    if (this.#known.size >= MOST_HINTS || this.#known.has(text)) return
    this.#known.add(text)
    this.#waiting.push(hint)
    this.#wake()
  }

  /** Those that wait and those that arrive before the end or the abort. */
  async *until(clock: Clock, end: Millis, signal: AbortSignal): AsyncGenerator<FoundHint> {
    while (!signal.aborted) {
      const hint = this.#waiting.shift()
      if (hint !== undefined) yield hint
      else if (clock.now() >= end) return
      else await this.#change(clock, end, signal)
    }
  }

  #change(clock: Clock, end: Millis, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel()
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const cancel = clock.callAt(end, wake)
      this.#wake = wake
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}
