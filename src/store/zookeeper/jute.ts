/** Writes the encoding that ZooKeeper speaks: big-endian numbers, everything else with its length before it. */
export class JuteWriter {
  #bytes = Buffer.allocUnsafe(256)
  #length = 0

  int(value: number): this {
    this.#length = this.#room(4).writeInt32BE(value, this.#length)
    return this
  }

  long(value: bigint): this {
    this.#length = this.#room(8).writeBigInt64BE(value, this.#length)
    return this
  }

  bool(value: boolean): this {
    this.#length = this.#room(1).writeUInt8(value ? 1 : 0, this.#length)
    return this
  }

  bytes(value: Buffer): this {
    this.int(value.length)
    this.#length += value.copy(this.#room(value.length), this.#length)
    return this
  }

  text(value: string): this {
    const length = Buffer.byteLength(value)
    this.int(length)
    this.#length += this.#room(length).write(value, this.#length, 'utf8')
    return this
  }

  /** All that was written, after its own length: one packet. */
  packet(): Buffer {
    const packet = Buffer.allocUnsafe(4 + this.#length)
    packet.writeInt32BE(this.#length, 0)
    this.#bytes.copy(packet, 4, 0, this.#length)
    return packet
  }

  #room(more: number): Buffer {
    if (this.#length + more > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + more))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    return this.#bytes
  }
}

/** Reads that encoding. A packet that ends too early throws a RangeError. */
export class JuteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Whether everything has been read. */
  get atEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  int(): number {
    const value = this.#bytes.readInt32BE(this.#at)
    this.#at += 4
    return value
  }

  long(): bigint {
    const value = this.#bytes.readBigInt64BE(this.#at)
    this.#at += 8
    return value
  }

  bool(): boolean {
    const value = this.#bytes.readUInt8(this.#at)
    this.#at += 1
    return value !== 0
  }

  /** Shares memory with the packet. Absent reads as empty. */
  bytes(): Buffer {
    const length = Math.max(this.int(), 0)
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError(`a field of ${length} bytes reaches beyond its packet`)
    const value = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return value
  }

  text(): string {
    return this.bytes().toString('utf8')
  }

  texts(): string[] {
    return Array.from({ length: Math.max(this.int(), 0) }, () => this.text())
  }
}
