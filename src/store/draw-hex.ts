import type { Rng } from '../lib/rng.ts'

/** 16 hex digits: a name that nobody else draws. */
export function drawHex(rng: Rng): string {
  const half = (): string =>
    rng
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return half() + half()
}
