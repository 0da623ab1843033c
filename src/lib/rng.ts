/** A source of chance. Production seeds it from the system, a simulated life from its number. */
export interface Rng {
  /** A number in [0, 1). */
  next(): number
  /** A whole number in [0, bound). */
  below(bound: number): number
  /** True with the given probability. */
  chance(probability: number): boolean
  /** One of the items; the list must not be empty. */
  pick<T>(items: readonly T[]): T
  /** An independent generator for one concern, so that a draw added here does not shift the draws there. */
  split(concern: string): Rng
}

/** Creates a generator that repeats itself exactly for equal rngSeeds. Algorithm: mulberry32 (T. Ettinger, public domain). */
export function createRng(rngSeed: number): Rng {
  let state = rngSeed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (bound: number): number => Math.floor(next() * bound)
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: <T>(items: readonly T[]): T => items[below(items.length)] as T,
    split: (concern) => createRng(hashText(concern, rngSeed)),
  }
}

function hashText(text: string, start: number): number {
  let hash = (start ^ 0x811c9dc5) >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  return hash
}
