import { setTimeout as pause } from 'node:timers/promises'
import { OperationalError } from '../../core/errors.ts'
import type { Log } from '../../ports/log.ts'
import { chunksOf } from './chunks.ts'
import type { EngineConnection } from './connection.ts'
import { jsonLines } from './json-lines.ts'
import { CLUSTER_LABEL } from './labels.ts'

type Hint = (containerId: string | null) => void

/** One line of an engine's events, as far as it is read. */
interface EventJson {
  readonly Action?: string
  readonly Actor?: { readonly ID?: string }
  readonly timeNano?: number
}

// Programs run inside say nothing about the container; health checks of ours run several a second. Who creates one looks
// at it, and to others it matters once it starts.
const NOT_A_CHANGE = /^(create|exec_|attach|resize|top|export|commit|archive|copy)/
const SHORTEST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2_000

/**
 * Follows what happens to the cluster's containers, for as long as somebody watches. Comes back by itself after the
 * engine was away, and then, as after every connection, hints that anything may have changed.
 */
export class EventFeed {
  readonly #connection: EngineConnection
  readonly #clusterId: string
  readonly #log: Log
  readonly #hints = new Set<Hint>()
  #abort: AbortController | null = null
  #since: string | null = null

  constructor(deps: { connection: EngineConnection; clusterId: string; log: Log }) {
    this.#connection = deps.connection
    this.#clusterId = deps.clusterId
    this.#log = deps.log
  }

  watch(onHint: Hint): () => void {
    // Of its own: the same function may watch twice.
    const hint: Hint = (id) => onHint(id)
    this.#hints.add(hint)
    if (this.#abort === null) {
      this.#abort = new AbortController()
      // It ends with the last watcher and tells its failures itself.
      void this.#follow(this.#abort.signal)
    }
    return () => {
      this.#hints.delete(hint)
      if (this.#hints.size === 0) this.close()
    }
  }

  close(): void {
    this.#hints.clear()
    this.#abort?.abort()
    this.#abort = null
  }

  async #follow(signal: AbortSignal): Promise<void> {
    // A first hint comes even if the engine is not there: whoever watches learns that from asking.
    let connected = true
    let reached = false
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        for await (const event of this.#events(signal)) {
          if (event === null) [connected, reached, failures] = [true, true, 0]
          this.#take(event)
        }
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof OperationalError)) this.#log.error('reading events failed', { error })
      }
      if (signal.aborted) return
      // It may speak another version when it is back.
      this.#connection.renegotiate()
      if (connected) {
        if (reached) this.#log.warn('events of the engine broke off', { address: this.#connection.address })
        this.#hint(null)
      }
      connected = false
      await pause(Math.min(SHORTEST_PAUSE_MS * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS), undefined, {
        signal,
      }).catch(() => undefined)
    }
  }

  /** null when connected, then the events. */
  async *#events(signal: AbortSignal): AsyncGenerator<EventJson | null> {
    const doing = 'follow events'
    const filters = { type: ['container'], label: [`${CLUSTER_LABEL}=${this.#clusterId}`] }
    const response = await this.#connection.stream({
      method: 'GET',
      path: '/events',
      query: { filters: JSON.stringify(filters), ...(this.#since === null ? {} : { since: this.#since }) },
      doing,
      signal,
    })
    yield null
    for await (const line of jsonLines(chunksOf(response, this.#connection, doing, signal), doing)) {
      yield line as EventJson
    }
  }

  #take(event: EventJson | null): void {
    if (event === null) {
      this.#hint(null)
      return
    }
    // Nanoseconds since 1970 exceed what a number holds exactly; a hint given twice does no harm.
    if (typeof event.timeNano === 'number') this.#since = (event.timeNano / 1e9).toFixed(6)
    if (!NOT_A_CHANGE.test(event.Action ?? '')) this.#hint(event.Actor?.ID ?? null)
  }

  #hint(id: string | null): void {
    for (const hint of this.#hints) hint(id)
  }
}
