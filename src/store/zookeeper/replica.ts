import { OperationalError } from '../../core/errors.ts'
import type { StoreRevision } from '../../core/model/ids.ts'
import { sleep } from '../../ports/clock.ts'
import type { ChangeBatch, Snapshot } from '../../ports/store.ts'
import { corrupt, isAnswerLost, unreachable } from './failures.ts'
import { Followers } from './followers.ts'
import type { Layout } from './format.ts'
import { encodeHead } from './format.ts'
import { readHead, readLog, readState } from './read-state.ts'
import type { SessionKeeper } from './session-keeper.ts'
import type { View } from './view.ts'

/** Before the store is asked again that just failed to answer. */
const RETRY_MS = 100

interface Pass {
  sync: boolean
  readonly done: PromiseWithResolvers<void>
}

/**
 * This process's copy of the whole state. It follows the log for as long as it is open: by itself whenever the head
 * changes, and when asked to. It never goes back: a state that is older than what was seen, or another one, is refused
 * for good.
 */
export class Replica {
  readonly #keeper: SessionKeeper
  readonly #layout: Layout
  readonly #followers = new Followers()
  readonly #closed = new AbortController()
  #view: View
  #failure: OperationalError | null = null
  #changed = Promise.withResolvers<void>()
  #running = false
  #next: Pass | null = null

  private constructor(keeper: SessionKeeper, layout: Layout, view: View) {
    this.#keeper = keeper
    this.#layout = layout
    this.#view = view
  }

  /** Reads everything, then follows. Throws STORE_CORRUPT or UNAVAILABLE. */
  static async open(keeper: SessionKeeper, layout: Layout): Promise<Replica> {
    const replica = new Replica(keeper, layout, await readState(keeper.client, layout))
    void replica.#follow()
    return replica
  }

  /** Throws STORE_CORRUPT once what is stored could not be what was seen. */
  get view(): View {
    if (this.#failure !== null) throw this.#failure
    return this.#view
  }

  /**
   * Resolves when the view holds all that was written before the call; with `sync` also what other servers were told is
   * written. Throws UNAVAILABLE, or STORE_CORRUPT when what is stored cannot be what was seen.
   */
  catchUp(sync: boolean): Promise<void> {
    const pass = this.#next ?? { sync, done: Promise.withResolvers<void>() }
    pass.sync ||= sync
    this.#next = pass
    if (!this.#running) void this.#runPasses()
    return pass.done.promise
  }

  /** Takes in what the own process wrote: `batches` follow the view, and the head's node has that version now. */
  take(batches: readonly ChangeBatch[], headVersion: number): void {
    this.#view.headVersion = headVersion
    for (const batch of batches) this.#take(batch)
  }

  /**
   * Makes sure that a transaction whose answer was lost has landed or never will: it needs the head at that version, so
   * a head that is moved on ends every doubt.
   */
  async settle(doubtful: number): Promise<void> {
    await this.catchUp(true)
    const { storeId, revision, headVersion } = this.#view
    if (headVersion !== doubtful) return
    const data = encodeHead({ storeId, revision })
    const version = await this.#moveHead(data, doubtful)
    if (version === null) await this.catchUp(true)
    else this.#view.headVersion = version
  }

  watch(after: StoreRevision, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    return this.#followers.add(after, this.#view.revision, () => this.#view.snapshot(), { onBatch, onGap })
  }

  close(): void {
    this.#closed.abort()
    this.#changed.resolve()
  }

  async #moveHead(data: Buffer, version: number): Promise<number | null> {
    try {
      return await this.#keeper.client.set(this.#layout.head, data, version)
    } catch (error) {
      // It says the same whether it lands or not; the next to ask begins anew.
      throw isAnswerLost(error) ? unreachable('its answers are lost', error) : error
    }
  }

  async #follow(): Promise<void> {
    while (!this.#closed.signal.aborted && this.#failure === null) {
      this.#changed = Promise.withResolvers()
      try {
        await this.catchUp(false)
        await this.#changed.promise
      } catch {
        // Whoever asks hears of it; following goes on when ZooKeeper can be asked again.
        await sleep(this.#keeper.clock, RETRY_MS, this.#closed.signal).catch(() => undefined)
      }
    }
  }

  async #runPasses(): Promise<void> {
    this.#running = true
    for (let pass = this.#next; pass !== null; pass = this.#next) {
      this.#next = null
      try {
        await this.#pass(pass.sync)
        pass.done.resolve()
      } catch (error) {
        if (error instanceof OperationalError && error.code === 'STORE_CORRUPT') this.#failure = error
        pass.done.reject(error)
        this.#failNext(error)
      }
    }
    this.#running = false
  }

  /** Who waits for the next pass has waited long enough to hear that ZooKeeper cannot be asked. */
  #failNext(error: unknown): void {
    this.#next?.done.reject(error)
    this.#next = null
  }

  async #pass(sync: boolean): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    const layout = this.#layout
    const { client } = this.#keeper
    // The head is read on the same connection, so after the sync.
    const synced = sync ? client.sync(layout.head) : Promise.resolve()
    const [{ head, version }] = await Promise.all([readHead(client, layout, () => this.#changed.resolve()), synced])
    if (head.storeId !== this.#view.storeId) throw corrupt(layout.root, 'another state has taken its place')
    const seen = this.#view.revision
    if (head.revision < seen && (await this.#isBehind(seen))) {
      throw corrupt(layout.root, `it went back from revision ${seen} to ${head.revision}`)
    }
    const batches = await readLog(client, layout, this.#view.revision, head.revision)
    if (batches === null) return this.#replace(await readState(client, layout))
    for (const batch of batches) if (batch.revision === this.#view.revision + 1) this.#take(batch)
    // What the own process wrote meanwhile has told the version already.
    if (this.#view.revision === head.revision && version > this.#view.headVersion) this.#view.headVersion = version
  }

  /** Whether it is still so when the server has caught up: a new session may begin at one that lags. */
  async #isBehind(seen: StoreRevision): Promise<boolean> {
    const { client } = this.#keeper
    await client.sync(this.#layout.head)
    return (await readHead(client, this.#layout)).head.revision < seen
  }

  #take(batch: ChangeBatch): void {
    this.#view.take(batch)
    this.#followers.append(batch)
  }

  #replace(view: View): void {
    if (view.storeId !== this.#view.storeId || view.revision < this.#view.revision) {
      throw corrupt(this.#layout.root, 'another state has taken its place')
    }
    this.#view = view
    this.#followers.replace(view.snapshot())
  }
}
