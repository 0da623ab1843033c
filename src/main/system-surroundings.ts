import { systemClock } from '../drivers/clock.ts'
import { systemRng } from '../drivers/rng.ts'
import type { StoreSurroundings } from './open-store.ts'

/** Real time and chance, for a store. */
export function systemSurroundings(): StoreSurroundings {
  return { clock: systemClock(), rng: systemRng() }
}
