const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** Writes bytes in base32 (RFC 4648) in small letters and without padding: 32 bytes give 52 characters, 20 give 32. */
export function toBase32(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(held >> bits) & 31]
    }
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31]
}

/** Whether a text is base32 of exactly that many characters, as `toBase32` writes it. */
export function isBase32(text: string, length: number): boolean {
  return text.length === length && /^[a-z2-7]*$/.test(text)
}
