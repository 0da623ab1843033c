import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import { retryDelayMs } from '../lib/backoff.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

/** One pass for one key. Returns when to look again although nothing changed; null: only on change. */
export type Pass = (key: string) => Promise<Millis | null>

interface Entry {
  running: boolean
  /** Something changed while a pass was running: its answer is out of date. */
  again: boolean
  failures: number
  cancelWake: (() => void) | null
}

/**
 * Runs passes by key: many asks for one key make one pass, never two passes for one key at once, and a pass that fails
 * is repeated with growing pauses. Different keys run side by side, so that their commits share a disk write.
 */
export class WorkQueue {
  readonly #clock: Clock
  readonly #log: Log
  readonly #pass: Pass
  readonly #entries = new Map<string, Entry>()
  #stopped = false

  constructor(clock: Clock, log: Log, pass: Pass) {
    this.#clock = clock
    this.#log = log
    this.#pass = pass
  }

  /** Asks for a pass as soon as possible. */
  add(key: string): void {
    this.#addAt(key, this.#clock.now())
  }

  /** No pass starts any more; one that is running ends by itself. */
  stop(): void {
    this.#stopped = true
    for (const entry of this.#entries.values()) entry.cancelWake?.()
  }

  #addAt(key: string, at: Millis): void {
    if (this.#stopped) return
    const entry = this.#entry(key)
    if (entry.running) {
      entry.again = true
      return
    }
    entry.cancelWake?.()
    entry.cancelWake = this.#clock.callAt(at, () => void this.#run(key, entry))
  }

  #entry(key: string): Entry {
    const present = this.#entries.get(key)
    if (present !== undefined) return present
    const entry: Entry = { running: false, again: false, failures: 0, cancelWake: null }
    this.#entries.set(key, entry)
    return entry
  }

  async #run(key: string, entry: Entry): Promise<void> {
    if (this.#stopped) return
    entry.running = true
    entry.cancelWake = null
    let wakeAt: Millis | null
    try {
      wakeAt = await this.#pass(key)
      entry.failures = 0
    } catch (error) {
      // What a pass meets while everything is being taken down is no fault, and there is no next pass.
      if (this.#stopped && error instanceof OperationalError) return
      entry.failures += 1
      wakeAt = this.#clock.now() + Math.max(100, retryDelayMs(entry.failures))
      const code = error instanceof OperationalError ? error.code : 'INTERNAL'
      this.#log.error('pass failed', {
        key,
        code,
        message: String(error),
        stack: code === 'INTERNAL' ? (error as Error).stack : undefined,
      })
    }
    entry.running = false
    if (entry.again) {
      entry.again = false
      this.add(key)
    } else if (wakeAt !== null) {
      this.#addAt(key, wakeAt)
    } else {
      this.#entries.delete(key)
    }
  }
}
