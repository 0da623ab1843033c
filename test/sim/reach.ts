import type { Reach } from '../../src/ports/reach.ts'
import type { Mortal } from './mortal.ts'
import type { Surroundings } from './surroundings.ts'

/** Whether machines answer `machine`, which is itself on the network or not. */
export function simReach(
  user: Mortal,
  machine: string,
  { reachable, door, rng, network }: Surroundings,
  isCutOff: () => boolean,
): Reach {
  const pauses = rng.split(`reach ${user.name}`)
  return {
    answers: async (address, withinMs) => {
      const answer = !isCutOff() && reachable(address) && network.isWhole(machine, address)
      return user.ask(answer ? pauses.below(10) : withinMs, () => answer, 0)
    },
    knock: async (address, withinMs) => {
      const result = isCutOff() ? 'silent' : door(address)
      return user.ask(result === 'silent' ? withinMs : pauses.below(10), () => result, 0)
    },
  }
}
