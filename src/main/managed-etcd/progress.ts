import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { type Clock, sleep } from '../../ports/clock.ts'

/** Long enough for machines that are installed at the same time; a start that gave up goes on where it was. */
const WAIT_AT_MOST_MS: Millis = 20 * 60_000

/** Tells what is waited for, once for each reason, and for how long at most. */
export class Progress {
  readonly #clock: Clock
  readonly #say: (line: string) => void
  readonly #signal: AbortSignal
  readonly #until: Millis
  #last = ''

  constructor(clock: Clock, say: (line: string) => void, signal: AbortSignal) {
    this.#clock = clock
    this.#say = say
    this.#signal = signal
    this.#until = clock.now() + WAIT_AT_MOST_MS
  }

  tell(line: string): void {
    if (line !== this.#last) this.#say(line)
    this.#last = line
  }

  /** Throws UNAVAILABLE when it has lasted too long, or Gantry is to stop. */
  async wait(because: string, ms: Millis): Promise<void> {
    this.tell(`Waiting: ${because}`)
    const hint = 'start it again: it goes on where it is'
    if (this.#clock.now() >= this.#until) {
      throw new OperationalError('UNAVAILABLE', `this server could not join the store: ${because}`, { hint })
    }
    await sleep(this.#clock, ms, this.#signal).catch(() => {
      throw new OperationalError('UNAVAILABLE', 'stopped before this server was part of the store', { hint })
    })
  }
}
