const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const MAGIC = 0x377f0682
const WAL_VERSION = 3_007_000

/** What a look at a write-ahead log tells. */
export type WalVerdict =
  /** It holds no transaction. */
  | { readonly kind: 'empty' }
  /** What SQLite will recover from it is all that was ever acknowledged. */
  | { readonly kind: 'sound' }
  | { readonly kind: 'damaged'; readonly what: string }

/**
 * Judges a write-ahead log before SQLite sees it. SQLite takes the log up to the first frame that does not add up and
 * drops the rest without a word, because a torn tail is normal after a crash. But each transaction is on disk before
 * the next one begins, so at most one can be torn: if two or more follow the break, the log was damaged later, and
 * going on would lose acknowledged commits.
 */
export function judgeWal(bytes: Buffer, pageSize: number): WalVerdict {
  // The header reaches the disk before the first transaction does; without it there never was one.
  if (bytes.length < HEADER_BYTES || bytes.every((byte) => byte === 0)) return { kind: 'empty' }
  const littleEndian = bytes.readUInt32BE(0) === MAGIC
  if (!littleEndian && bytes.readUInt32BE(0) !== MAGIC + 1) return damaged('it is not a write-ahead log')
  if (bytes.readUInt32BE(4) !== WAL_VERSION) return damaged('its version is unknown')
  if (bytes.readUInt32BE(8) !== pageSize) return damaged('it belongs to a database of another page size')
  const checksum = new Checksum(littleEndian)
  checksum.add(bytes, 0, 24)
  if (!checksum.is(bytes, 24)) return damaged('its header is damaged')

  const size = FRAME_HEADER_BYTES + pageSize
  let frame = HEADER_BYTES
  for (; frame + size <= bytes.length; frame += size) {
    checksum.add(bytes, frame, 8)
    checksum.add(bytes, frame + FRAME_HEADER_BYTES, pageSize)
    if (!sameGeneration(bytes, frame) || !checksum.is(bytes, frame + 16)) break
  }
  let after = 0
  for (; frame + size <= bytes.length; frame += size) {
    if (sameGeneration(bytes, frame) && bytes.readUInt32BE(frame + 4) !== 0) after++
  }
  if (after > 1) return damaged(`it breaks off before its last ${after} transactions`)
  return { kind: 'sound' }
}

function damaged(what: string): WalVerdict {
  return { kind: 'damaged', what }
}

/** Frames of an earlier use of the same file carry other salts; they are old, not damaged. */
function sameGeneration(bytes: Buffer, frame: number): boolean {
  return bytes.compare(bytes, 16, 24, frame + 8, frame + 16) === 0
}

/** SQLite's running checksum over pairs of 32-bit words. */
class Checksum {
  readonly #littleEndian: boolean
  #a = 0
  #b = 0

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian
  }

  add(bytes: Buffer, from: number, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + from, length)
    let a = this.#a
    let b = this.#b
    for (let i = 0; i < length; i += 8) {
      a = (a + view.getUint32(i, this.#littleEndian) + b) >>> 0
      b = (b + view.getUint32(i + 4, this.#littleEndian) + a) >>> 0
    }
    this.#a = a
    this.#b = b
  }

  /** Whether the two words stored there are this checksum. */
  is(bytes: Buffer, from: number): boolean {
    return bytes.readUInt32BE(from) === this.#a && bytes.readUInt32BE(from + 4) === this.#b
  }
}
