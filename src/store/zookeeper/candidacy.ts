import { sleep } from '../../ports/clock.ts'
import type { Client } from './client.ts'
import { corrupt, isAnswerLost } from './failures.ts'
import type { Layout } from './format.ts'

/** Digits at the end of a name, given by ZooKeeper in the order of arrival. */
const NUMBER = /\d{10}$/

/** Before a withdrawal is tried again that could not be delivered. */
const RETRY_MS = 500

/**
 * One place in the queue for the lease: a node that goes with its session. The lowest number is first, and everybody
 * watches only the one before.
 */
export class Candidacy {
  readonly #client: Client
  readonly #layout: Layout
  /** Tells our node from others when the answer to its making was lost. */
  readonly #name: string
  #made: Promise<void> = Promise.resolve()
  #withdrawn: Promise<void> | null = null

  /** In the session of this client, and only there; nobody else may have the same name. */
  constructor(client: Client, layout: Layout, name: string) {
    this.#client = client
    this.#layout = layout
    this.#name = `candidate-${name}-`
  }

  /**
   * Enters the queue and resolves when it is first in it: true; false when the session has ended, and with it the place.
   * Rejects with the signal's reason, or when ZooKeeper cannot be asked; withdraw it then.
   */
  async win(holder: string, signal: AbortSignal): Promise<boolean> {
    this.#made = this.#make(holder)
    await untilAborted(this.#made, signal)
    while (!this.#client.session.ended.aborted) {
      const turn = Promise.withResolvers<void>()
      const place = await untilAborted(
        this.#place(() => turn.resolve()),
        signal,
      )
      if (place !== 'waiting') return place === 'first'
      await untilAborted(turn.promise, signal)
    }
    return false
  }

  /** Leaves the queue; where that cannot be delivered it goes on trying until the session ends. */
  withdraw(): Promise<void> {
    this.#withdrawn ??= this.#leave().catch(() => {
      // Nobody has to wait for it: the place is lost at the end of the session in any case.
      void this.#leaveLater()
    })
    return this.#withdrawn
  }

  async #make(holder: string): Promise<void> {
    try {
      await this.#client.createEphemeral(`${this.#layout.election}/${this.#name}`, Buffer.from(holder))
    } catch (error) {
      // The list of candidates tells whether it is there.
      if (!isAnswerLost(error)) throw error
    }
  }

  async #place(onTurn: () => void): Promise<'first' | 'waiting' | 'gone'> {
    const queue = (await this.#candidates()).toSorted((a, b) => numberOf(a) - numberOf(b))
    const ours = queue.findIndex((name) => name.startsWith(this.#name))
    if (ours === -1) return 'gone'
    const before = queue[ours - 1]
    if (before === undefined) return 'first'
    if (!(await this.#client.exists(`${this.#layout.election}/${before}`, onTurn))) onTurn()
    return 'waiting'
  }

  async #leave(): Promise<void> {
    // What is still being made could not be found.
    await this.#made.catch(() => undefined)
    const ours = (await this.#candidates()).find((name) => name.startsWith(this.#name))
    if (ours !== undefined) await this.#client.remove(`${this.#layout.election}/${ours}`)
  }

  async #leaveLater(): Promise<void> {
    const { ended, clock } = this.#client.session
    while (!ended.aborted) {
      await sleep(clock, RETRY_MS, ended).catch(() => undefined)
      try {
        return await this.#leave()
      } catch {
        // ZooKeeper cannot be asked yet.
      }
    }
  }

  async #candidates(): Promise<readonly string[]> {
    await this.#client.sync(this.#layout.election)
    const names = await this.#client.children(this.#layout.election)
    if (names === null) throw corrupt(this.#layout.root, 'its election is gone')
    return names
  }
}

function numberOf(name: string): number {
  return Number(NUMBER.exec(name)?.[0] ?? Number.POSITIVE_INFINITY)
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
