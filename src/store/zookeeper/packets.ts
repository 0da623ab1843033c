/** Largest packet that is believed; listings of many thousand nodes stay far below. */
const MAX_PACKET = 64 * 1024 * 1024

/** Cuts what arrives on a socket into packets, each without its length. */
export class Packets {
  #chunks: Buffer[] = []
  #length = 0

  /** Returns the packets that are complete now. Throws a RangeError for what cannot be one. */
  take(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    const packets: Buffer[] = []
    for (let size = this.#next(); size !== null; size = this.#next()) {
      const all = this.#joined()
      packets.push(all.subarray(4, 4 + size))
      this.#chunks = [all.subarray(4 + size)]
      this.#length -= 4 + size
    }
    return packets
  }

  /** Length of the next packet; null while it is not whole. */
  #next(): number | null {
    if (this.#length < 4) return null
    const first = this.#chunks[0]?.length ?? 0
    const size = (first >= 4 ? this.#chunks[0] : this.#joined())?.readInt32BE(0) ?? -1
    if (size < 0 || size > MAX_PACKET) throw new RangeError(`a packet of ${size} bytes`)
    return this.#length >= 4 + size ? size : null
  }

  #joined(): Buffer {
    const [only] = this.#chunks
    const all = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}
