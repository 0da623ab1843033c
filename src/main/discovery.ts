import type { Server } from '../control/server.ts'
import { OperationalError } from '../core/errors.ts'
import { parseJoinToken } from '../core/identity/join-token.ts'
import type { Millis } from '../core/model/ids.ts'
import { systemClock } from '../drivers/clock.ts'
import { DISCOVERY_PORT, udpDiscovery } from '../drivers/discovery/udp.ts'
import { describeCertificate } from '../drivers/pki/describe-certificate.ts'
import { systemRng } from '../drivers/rng.ts'
import type { Answering, Discovery } from '../ports/discovery.ts'
import type { Log } from '../ports/log.ts'

export interface DiscoveryOptions {
  /** Name of the cluster that is searched for. */
  readonly clusterName: string
  /** What searches are signed with; null: with what follows from the authority. */
  readonly secret: string | null
}

const SEARCH_FOR_MS: Millis = 15_000

/** Tells machines that search where this server is. What they hear is a hint: trust comes from their token. */
export function answerSearches(
  { secret }: Pick<DiscoveryOptions, 'secret'>,
  address: string,
  server: Server,
  log: Log,
): Promise<Answering> {
  const hashes = (server.authority?.bundle ?? []).map((pem) => describeCertificate(pem).keyHash)
  const { id: clusterId, name: clusterName } = server.api.cluster().cluster
  return discovery(log).answerSearches({
    clusterName,
    authorityHashes: hashes,
    secret,
    hint: () => ({ clusterId, servers: [address], authorityHash: hashes[0] ?? '' }),
  })
}

/** Servers of the cluster that a join token belongs to, as those near answer. Throws UNAVAILABLE when nobody does. */
export async function searchServers(
  { clusterName, secret }: DiscoveryOptions,
  token: string,
  log: Log,
): Promise<readonly string[]> {
  const { authorityHash } = parseJoinToken(token)
  const search = { clusterName, authorityHash, secret, nodes: [] }
  for await (const { servers, from } of discovery(log).findServers(search, AbortSignal.timeout(SEARCH_FOR_MS))) {
    // Without a host it is whoever has answered.
    if (servers.length > 0) return servers.map((server) => (server.startsWith(':') ? `${from}${server}` : server))
  }
  throw new OperationalError('UNAVAILABLE', `no server of ${clusterName} answers on this network`, {
    hint: 'name one with --servers; servers answer searches when they are started with --discovery',
  })
}

function discovery(log: Log): Discovery {
  return udpDiscovery({
    clock: systemClock(),
    rng: systemRng(),
    log,
    bindAddress: '0.0.0.0',
    port: DISCOVERY_PORT,
  })
}
