import type { Millis } from '../../src/core/model/ids.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { VirtualClock } from './clock.ts'

/** What may befall a process whenever it calls out. */
export interface Hazard {
  /** Whether the process dies over this call, before the call reaches the world or right after it took effect. */
  readonly moment: () => 'never' | 'before' | 'after'
  /** Ends the process, as its owner would. */
  readonly strike: () => void
}

export interface MortalOptions {
  readonly hazard?: Hazard | null
  /** What the clock of its machine shows beyond the true time. */
  readonly skewMs?: Millis
}

/**
 * One run of a simulated process. When it is killed nothing of it reaches the world any more and nothing reaches it:
 * its timers do not fire, and what it waits for never answers. While it is paused all of that waits, in order.
 */
export class Mortal {
  readonly name: string
  readonly clock: Clock
  readonly #clock: VirtualClock
  readonly #hazard: Hazard | null
  readonly #onDeath: (() => void)[] = []
  #backlog: (() => void)[] | null = null
  #awakeSince: Millis
  #alive = true

  constructor(name: string, clock: VirtualClock, { hazard = null, skewMs = 0 }: MortalOptions = {}) {
    this.name = name
    this.#clock = clock
    this.#hazard = hazard
    this.#awakeSince = clock.now()
    this.clock = {
      now: () => clock.now() + skewMs,
      callAt: (at, call) => {
        let wanted = true
        const cancel = clock.callAt(at - skewMs, () => this.whenAwake(() => wanted && call()))
        return () => {
          wanted = false
          cancel()
        }
      },
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  /** For how long it has been at work without a pause; 0: it is not. */
  get awakeForMs(): Millis {
    return this.#alive && this.#backlog === null ? this.#clock.now() - this.#awakeSince : 0
  }

  get isPaused(): boolean {
    return this.#backlog !== null
  }

  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    for (const call of this.#onDeath) call()
  }

  onDeath(call: () => void): void {
    this.#onDeath.push(call)
  }

  /** Stops the world for it. What comes meanwhile comes when it goes on, in the same order. */
  pause(ms: Millis): void {
    if (this.#backlog !== null) return
    this.#backlog = []
    this.#clock.after(ms, () => this.resume())
  }

  resume(): void {
    const next = this.#backlog?.shift()
    if (next === undefined) {
      if (this.#backlog !== null) this.#awakeSince = this.#clock.now()
      this.#backlog = null
      return
    }
    if (this.#alive) next()
    this.#clock.after(0, () => this.resume())
  }

  /** Lets something reach the process: now, or when it goes on; never when it is dead by then. */
  whenAwake(call: () => void): void {
    if (!this.#alive) return
    if (this.#backlog === null) call()
    else this.#backlog.push(call)
  }

  /**
   * A call out of this process: `effect` happens in the world after `thereMs`, even if the process dies meanwhile; the
   * answer comes `backMs` later, if the process still lives.
   */
  ask<T>(thereMs: Millis, effect: () => T, backMs: Millis): Promise<T> {
    if (!this.#alive) return never()
    const dies = this.#hazard?.moment() ?? 'never'
    if (dies === 'before') {
      this.#dieAfter(thereMs)
      return never()
    }
    return new Promise((resolve, reject) => {
      this.#clock.after(thereMs, () => {
        let answer: () => void
        try {
          const value = effect()
          answer = () => resolve(value)
        } catch (error) {
          answer = () => reject(error as Error)
        }
        if (dies === 'after') this.#dieAfter(0)
        else this.#clock.after(backMs, () => this.whenAwake(answer))
      })
    })
  }

  /** Passes the outcome of something that takes its own time on to this process, if it still lives then. */
  await<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => this.whenAwake(() => resolve(value)),
        (error: unknown) => this.whenAwake(() => reject(error as Error)),
      )
    })
  }

  #dieAfter(ms: Millis): void {
    this.#clock.after(ms, () => {
      if (this.#alive) this.#hazard?.strike()
    })
  }
}

/** What a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise(() => undefined)
}
