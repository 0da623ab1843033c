import type { Rng } from '../../lib/rng.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Discovery } from '../../ports/discovery.ts'
import type { Log } from '../../ports/log.ts'
import { answerSearches } from './answer-searches.ts'
import { findServers } from './find-servers.ts'

export const DISCOVERY_PORT = 7946

export interface UdpOptions {
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  /** `0.0.0.0`: every interface; else the one IPv4 address to search from and to answer at. */
  readonly bindAddress: string
  /** Where servers answer, and where everybody near is asked: DISCOVERY_PORT unless configured. */
  readonly port: number
}

/** Discovery over UDP and IPv4: broadcast and multicast on each interface, and packets to named nodes. */
export function udpDiscovery(options: UdpOptions): Discovery {
  return {
    findServers: (search, signal) => findServers(options, search, signal),
    answerSearches: (searches) => answerSearches(options, searches),
  }
}
