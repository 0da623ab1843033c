/** A range of IPv4 addresses. */
export interface AddressRange {
  readonly first: number
  /** Length of the prefix, 0 to 32. */
  readonly bits: number
}

/** Where the addresses of services come from. */
export const OVERLAY = '10.32.0.0/12'

/** Reads `10.0.0.0/8`; null for what is none. */
export function parseRange(text: string): AddressRange | null {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)?.slice(1).map(Number)
  const [bits = 0] = parts?.slice(4) ?? []
  const bytes = parts?.slice(0, 4) ?? []
  if (parts === undefined || bits > 32 || bytes.some((byte) => byte > 255)) return null
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  return { first: address - (address % 2 ** (32 - bits)), bits }
}

/** Whether two ranges share an address; then one holds the other. */
export function overlap(a: AddressRange, b: AddressRange): boolean {
  const size = 2 ** (32 - Math.min(a.bits, b.bits))
  return Math.floor(a.first / size) === Math.floor(b.first / size)
}
