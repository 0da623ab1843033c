import type { Rng } from '../../src/lib/rng.ts'
import type { VirtualClock } from './clock.ts'
import type { Observe } from './facts.ts'
import type { Faults } from './faults.ts'
import type { SimNetwork } from './network.ts'

/** What all parts of one simulated world share. */
export interface Surroundings {
  readonly clock: VirtualClock
  readonly rng: Rng
  readonly faults: Faults
  readonly observe: Observe
  readonly network: SimNetwork
  /** Whether messages between agents and servers are copied, as over a network, or handed over, as within a process. */
  readonly copies: boolean
  /** Whether the machine with this address is on and on the network. */
  readonly reachable: (address: string) => boolean
  /** What somebody meets who tries to connect to a server. */
  readonly door: (address: string) => 'open' | 'refused' | 'silent'
}
