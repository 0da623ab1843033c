import { randomInt } from 'node:crypto'
import { createRng, type Rng } from '../lib/rng.ts'

/** A generator whose rngSeed comes from the system. It spreads load and times; it is no source of secrets. */
export function systemRng(): Rng {
  return createRng(randomInt(2 ** 32))
}
