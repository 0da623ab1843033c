import { OperationalError } from '../core/errors.ts'

/** A queue that one side fills and the other iterates. Ends when told to, or when the signal aborts. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  readonly #limit: number
  #wake: (() => void) | null = null
  #waiting: (() => void)[] = []
  #ended = false
  #error: unknown = null

  /** `limit`: items that may wait before `push` asks the filler to wait. */
  constructor(signal: AbortSignal, limit = 1_000) {
    this.#limit = limit
    signal.addEventListener('abort', () => this.end(), { once: true })
    if (signal.aborted) this.end()
  }

  /** Adds an item; resolves when there is room for more. */
  push(item: T): Promise<void> {
    if (this.#ended) return Promise.resolve()
    this.#items.push(item)
    this.#wake?.()
    if (this.#items.length < this.#limit) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  end(error: unknown = null): void {
    this.#ended = true
    this.#error ??= error
    this.#wake?.()
    this.#makeRoom()
  }

  #makeRoom(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) {
        if (this.#items.length < this.#limit) this.#makeRoom()
        yield item
      } else if (this.#ended) {
        if (this.#error !== null) throw this.#error
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = null
      }
    }
  }
}

/** Fills a channel from a source; a source whose object is gone by now just ends. */
export async function pour<S, T>(
  source: AsyncIterable<S>,
  channel: Channel<T>,
  convert: (item: S) => T,
): Promise<void> {
  try {
    for await (const item of source) await channel.push(convert(item))
  } catch (error) {
    if (!(error instanceof OperationalError) || error.code !== 'NOT_FOUND') throw error
  }
}
