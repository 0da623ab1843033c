import type { Millis } from '../../src/core/model/ids.ts'
import type { Rng } from '../../src/lib/rng.ts'
import type { Faults } from './faults.ts'
import type { Hazard } from './mortal.ts'
import type { Surroundings } from './surroundings.ts'

/** Lets a process die over one of its calls now and then, `strike` being its end. */
export function hazardOf(faults: Faults, rng: Rng, strike: () => void): Hazard {
  return {
    moment: () => {
      if (!faults.hit('crash in a call', rng)) return 'never'
      return rng.chance(0.5) ? 'before' : 'after'
    },
    strike,
  }
}

const SECOND: Millis = 1_000
const DAY: Millis = 86_400_000

/** By how much the clock of a machine is wrong: mostly by little, where that fault is known, sometimes by a day. */
export function skewOf(machine: string, { faults, rng }: Surroundings): Millis {
  if (faults.rate('clock wrong') === 0) return 0
  faults.count('clock wrong')
  const drawn = rng.split(`clock of ${machine}`)
  const most = drawn.chance(0.2) ? DAY : 5 * SECOND
  return drawn.below(2 * most) - most
}
