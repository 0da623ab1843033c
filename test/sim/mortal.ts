import type { Millis } from '../../src/core/model/ids.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { VirtualClock } from './clock.ts'

/**
 * One run of a simulated process. When it is killed nothing of it reaches the world any more and nothing reaches it:
 * its timers do not fire, and what it waits for never answers.
 */
export class Mortal {
  readonly name: string
  readonly #clock: VirtualClock
  readonly #onDeath: (() => void)[] = []
  #alive = true

  constructor(name: string, clock: VirtualClock) {
    this.name = name
    this.#clock = clock
  }

  get alive(): boolean {
    return this.#alive
  }

  /** The clock that this process is given. */
  get clock(): Clock {
    return {
      now: () => this.#clock.now(),
      callAt: (at, call) =>
        this.#clock.callAt(at, () => {
          if (this.#alive) call()
        }),
    }
  }

  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    for (const call of this.#onDeath) call()
  }

  onDeath(call: () => void): void {
    this.#onDeath.push(call)
  }

  /**
   * A call out of this process: `effect` happens in the world after `thereMs`, even if the process dies meanwhile; the
   * answer comes `backMs` later, if the process still lives.
   */
  ask<T>(thereMs: Millis, effect: () => T, backMs: Millis): Promise<T> {
    if (!this.#alive) return never()
    return new Promise((resolve, reject) => {
      this.#clock.after(thereMs, () => {
        let answer: () => void
        try {
          const value = effect()
          answer = () => resolve(value)
        } catch (error) {
          answer = () => reject(error as Error)
        }
        this.#clock.after(backMs, () => {
          if (this.#alive) answer()
        })
      })
    })
  }

  /** Passes the outcome of something that takes its own time on to this process, if it still lives then. */
  await<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => {
          if (this.#alive) resolve(value)
        },
        (error: unknown) => {
          if (this.#alive) reject(error as Error)
        },
      )
    })
  }
}

/** What a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise(() => undefined)
}
