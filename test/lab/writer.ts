import { setTimeout as pause } from 'node:timers/promises'
import { OperationalError } from '../../src/core/errors.ts'
import type { Client } from '../../src/transport/client.ts'

const EVERY_MS = 700
/** Then the next server is asked; what this one still answers counts all the same. */
const PATIENCE_MS = 3_000
const GOES_ON_WITHIN_MS = 60_000
/** A lost answer is asked for again, and then given up. */
const LAST_ANSWERS_MS = 75_000

export interface Acknowledged {
  /** Of the change. */
  readonly number: number
  /** Of the manifest that it made, as the server said. */
  readonly revision: number
  readonly at: number
}

export interface WriterOptions {
  /** Servers to ask, each with a socket of its own. */
  readonly clients: readonly Client[]
  /** A manifest that no other number gives. */
  readonly manifest: (number: number) => string
  readonly firstNumber: number
}

/** Applies numbered manifests, one after the other, whatever becomes of the servers, and keeps what was acknowledged. */
export class Writer {
  readonly acknowledged: Acknowledged[] = []
  /** Codes of the errors that were answers, with how often. */
  readonly refused: Record<string, number> = {}
  readonly #options: WriterOptions
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #leave = new AbortController()
  readonly #began = Date.now()
  readonly #writing: Promise<void>
  #number: number

  constructor(options: WriterOptions) {
    this.#options = options
    this.#number = options.firstNumber
    this.#writing = this.#write()
  }

  /** Number of the next change. */
  get nextNumber(): number {
    return this.#number
  }

  /** The longest time, in ms, in which nothing was acknowledged. */
  get longestGapMs(): number {
    const times = [this.#began, ...this.acknowledged.map(({ at }) => at).toSorted((a, b) => a - b), Date.now()]
    return Math.max(...times.slice(1).map((at, i) => at - (times[i] ?? at)))
  }

  /** Asks this server now, beside what goes on; resolves when it has answered. */
  async ask(client: Client): Promise<void> {
    const number = this.#number++
    try {
      const { revision } = await client.apply({ kind: 'apply', text: this.#options.manifest(number), file: null }, null)
      if (revision !== null) this.acknowledged.push({ number, revision, at: Date.now() })
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      this.refused[error.code] = (this.refused[error.code] ?? 0) + 1
    }
  }

  /** Resolves when one more change was acknowledged; rejects when that takes too long. */
  async goesOn(): Promise<void> {
    const had = this.acknowledged.length
    for (const until = Date.now() + GOES_ON_WITHIN_MS; this.acknowledged.length === had; await pause(20)) {
      if (Date.now() > until) throw new Error(`nothing was acknowledged: ${JSON.stringify(this.refused)}`)
    }
  }

  /** Ends when all that was asked is answered or given up. */
  async stop(): Promise<readonly Acknowledged[]> {
    this.#leave.abort()
    await this.#writing
    await Promise.race([Promise.all(this.#underWay), pause(LAST_ANSWERS_MS, undefined, { ref: false })])
    return this.acknowledged
  }

  async #write(): Promise<void> {
    const { clients } = this.#options
    for (let at = 0; !this.#leave.signal.aborted; at++) {
      const client = clients[at % clients.length]
      if (client === undefined) throw new Error('there is nobody to ask')
      const asking = this.ask(client)
      this.#underWay.add(asking)
      void asking.finally(() => this.#underWay.delete(asking)).catch(() => undefined)
      await Promise.race([asking, pause(PATIENCE_MS)])
      await pause(EVERY_MS)
    }
  }
}
