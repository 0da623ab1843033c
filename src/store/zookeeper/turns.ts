import { sleep } from '../../ports/clock.ts'
import { drawHex } from '../draw-hex.ts'
import type { Layout } from './format.ts'
import { ANY_VERSION } from './protocol.ts'
import type { Replica } from './replica.ts'
import type { SessionKeeper } from './session-keeper.ts'

/** Enough for whoever asked to catch up and write, over a slow network too; ended early by that very write. */
const YIELD_MS = 50
const RETRY_MS = 1_000

/**
 * Makes room for servers that lose every race: who writes without a break always knows the newest head first. Whoever
 * has lost asks for a turn, and the others hold back until somebody else has written, or a moment has passed. It is
 * politeness only; nothing relies on it.
 */
export class Turns {
  readonly #keeper: SessionKeeper
  readonly #layout: Layout
  readonly #replica: Replica
  readonly #name: string
  readonly #closed = new AbortController()
  #heldUntil = 0
  #heldAt = 0

  private constructor(keeper: SessionKeeper, layout: Layout, replica: Replica) {
    this.#keeper = keeper
    this.#layout = layout
    this.#replica = replica
    this.#name = drawHex(keeper.rng)
  }

  /** Begins to listen for others who ask. */
  static begin(keeper: SessionKeeper, layout: Layout, replica: Replica): Turns {
    const turns = new Turns(keeper, layout, replica)
    void turns.#listen()
    return turns
  }

  /** Asks the others to hold back. */
  async ask(): Promise<void> {
    await this.#keeper.client.set(this.#layout.turn, Buffer.from(this.#name), ANY_VERSION).catch(() => null)
  }

  /** Resolves when nobody else is to be let in first. */
  async free(): Promise<void> {
    const { clock } = this.#keeper
    while (clock.now() < this.#heldUntil && this.#replica.view.revision === this.#heldAt) await sleep(clock, 1)
    this.#heldUntil = 0
  }

  close(): void {
    this.#closed.abort()
  }

  async #listen(): Promise<void> {
    const { clock } = this.#keeper
    for (let isFirst = true; !this.#closed.signal.aborted; isFirst = false) {
      const asked = Promise.withResolvers<void>()
      try {
        const node = await this.#keeper.client.get(this.#layout.turn, () => asked.resolve())
        if (!isFirst && node !== null && node.data.toString() !== this.#name) this.#hold()
        if (node === null) await sleep(clock, RETRY_MS, this.#closed.signal)
        else await asked.promise
      } catch {
        // Closed, or ZooKeeper cannot be asked: then nobody writes anyway.
        await sleep(clock, RETRY_MS, this.#closed.signal).catch(() => undefined)
      }
    }
  }

  #hold(): void {
    this.#heldUntil = this.#keeper.clock.now() + YIELD_MS
    this.#heldAt = this.#replica.view.revision
  }
}
