import type { Millis } from '../../src/core/model/ids.ts'
import type { Deadline, Watchdog } from '../../src/ports/watchdog.ts'
import type { SimEngine } from './engine.ts'
import type { Mortal } from './mortal.ts'

/** It looks so often. */
const EVERY_MS: Millis = 1_000
/** So long it goes on looking after a deadline. */
const LOOKS_ON_MS: Millis = 120_000

/** The watchdog of one machine: it outlives its agents and needs no engine that answers, and ends with the power. */
export class SimWatchdog {
  readonly #engines: readonly SimEngine[]
  readonly #deadlines = new Map<string, Millis>()

  constructor(engines: readonly SimEngine[]) {
    this.#engines = engines
  }

  /** The machine was restarted: nothing runs that could be too late. */
  forget(): void {
    this.#deadlines.clear()
  }

  /** As one agent sees it. */
  seenBy(user: Mortal): Watchdog {
    const { clock } = this.#machine
    return {
      uptime: () => clock.now(),
      arm: (deadlines) => user.ask(1, () => this.#armAll(deadlines), 1),
      armed: () => user.ask(1, () => new Map(this.#deadlines), 0),
    }
  }

  #armAll(deadlines: readonly Deadline[]): void {
    const watching = this.#deadlines.size > 0
    const { name, containers, observe } = this.#machine
    for (const { containerId, at } of deadlines) {
      this.#deadlines.set(containerId, at)
      const container = containers.get(containerId)
      if (container !== undefined) observe({ kind: 'armed', node: name, container, at })
    }
    if (!watching) this.#look()
  }

  #look(): void {
    const { clock, containers } = this.#machine
    const now = clock.now()
    for (const [id, at] of this.#deadlines) {
      const container = containers.get(id)
      if (at <= now && container?.state === 'running') {
        this.#engines.find(({ kind }) => kind === container.kind)?.end(container, 137, 'watchdog')
      }
      if (at + LOOKS_ON_MS <= now) this.#deadlines.delete(id)
    }
    if (this.#deadlines.size > 0) clock.after(EVERY_MS, () => this.#look())
  }

  get #machine(): SimEngine['machine'] {
    const [engine] = this.#engines
    if (engine === undefined) throw new Error('a machine has engines')
    return engine.machine
  }
}
