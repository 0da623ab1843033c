const EMPTY = Buffer.alloc(0)
const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5

/** Writes one protobuf message, field by field. Fields that are zero or empty are left out, as proto3 does. */
export class WireWriter {
  readonly #parts: Buffer[] = []

  /** A whole number of at most 53 bits, or a boolean. */
  int(field: number, value: number | boolean): this {
    return this.long(field, BigInt(value))
  }

  /** A signed 64-bit number. */
  long(field: number, value: bigint): this {
    return value === 0n ? this : this.exactLong(field, value)
  }

  /** Writes a zero too: the member of a `oneof` says by being there that it is the one. */
  exactLong(field: number, value: bigint): this {
    this.#varint(BigInt((field << 3) | VARINT))
    this.#varint(BigInt.asUintN(64, value))
    return this
  }

  bytes(field: number, value: Buffer): this {
    return value.length === 0 ? this : this.message(field, value)
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value))
  }

  /** An embedded message; written even when it is empty. */
  message(field: number, value: Buffer): this {
    this.#varint(BigInt((field << 3) | LENGTH_DELIMITED))
    this.#varint(BigInt(value.length))
    this.#parts.push(value)
    return this
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #varint(value: bigint): void {
    const bytes: number[] = []
    let rest = value
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
    bytes.push(Number(rest))
    this.#parts.push(Buffer.from(bytes))
  }
}

/** Reads one protobuf message: `next` moves to a field, then exactly one of the other calls takes it. */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0
  #type = VARINT
  /** Number of the field that `next` moved to. */
  field = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** False at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false
    const tag = this.#number()
    this.field = tag >>> 3
    this.#type = tag & 7
    return true
  }

  /** A number that is known to fit into 53 bits: revisions, counts, seconds. */
  int(): number {
    return this.#number()
  }

  bool(): boolean {
    return this.#number() !== 0
  }

  /** A signed 64-bit number: ids of leases use all bits. */
  long(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, value)
    }
  }

  bytes(): Buffer {
    const length = this.#number()
    const from = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) throw new RangeError('a protobuf message breaks off')
    return length === 0 ? EMPTY : this.#bytes.subarray(from, this.#at)
  }

  text(): string {
    return this.bytes().toString('utf8')
  }

  /** Passes over a field of no interest. */
  skip(): void {
    if (this.#type === VARINT) this.long()
    else if (this.#type === LENGTH_DELIMITED) this.bytes()
    else if (this.#type === FIXED64) this.#at += 8
    else if (this.#type === FIXED32) this.#at += 4
    else throw new RangeError(`a protobuf message has a field of unknown type ${this.#type}`)
  }

  #number(): number {
    const from = this.#at
    let value = 0
    for (let factor = 1; factor <= 2 ** 42; factor *= 128) {
      const byte = this.#byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    // Longer than 49 bits: large, or negative.
    this.#at = from
    return Number(this.long())
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new RangeError('a protobuf message breaks off')
    return byte
  }
}
