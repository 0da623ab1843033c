type Output = { readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }

/** Bytes that may wait for the reader before the sender is held up. */
const HIGH_WATER_BYTES = 1024 * 1024

/** Output that arrived and was not read yet. Holds the connection up while the reader is behind. */
export class FrameQueue implements AsyncIterable<Output> {
  readonly #source: { pause(): void; resume(): void }
  readonly #items: Output[] = []
  #bytes = 0
  #ended = false
  #error: Error | null = null
  #wake: (() => void) | null = null

  constructor(source: { pause(): void; resume(): void }) {
    this.#source = source
  }

  push(item: Output): void {
    this.#items.push(item)
    this.#bytes += item.data.length
    if (this.#bytes > HIGH_WATER_BYTES) this.#source.pause()
    this.#wake?.()
  }

  /** What has arrived is still read; then the reader ends, or gets the error. The first call counts. */
  end(error: Error | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Output> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) {
        this.#bytes -= item.data.length
        if (this.#bytes <= HIGH_WATER_BYTES) this.#source.resume()
        yield item
      } else if (this.#ended) {
        if (this.#error !== null) throw this.#error
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}
