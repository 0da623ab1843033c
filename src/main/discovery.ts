import type { Server } from '../control/server.ts'
import { readNamedNodes } from '../core/discovery/named-nodes.ts'
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
  /** Nodes that are asked besides everybody near: name → `host:port`. */
  readonly nodes: Readonly<Record<string, string>>
  /** The one IPv4 address to search from and to answer at; null: every interface. */
  readonly bindAddress: string | null
  /** UDP port; null: the usual one. */
  readonly port: number | null
}

const SEARCH_FOR_MS: Millis = 15_000

/** Tells machines that search where this server is. What they hear is a hint: trust comes from their token. */
export function answerSearches(
  options: Omit<DiscoveryOptions, 'clusterName' | 'nodes'>,
  address: string,
  server: Server,
  log: Log,
): Promise<Answering> {
  const hashes = (server.authority?.bundle ?? []).map((pem) => describeCertificate(pem).keyHash)
  const { id: clusterId, name: clusterName } = server.api.cluster().cluster
  return discovery(options, log).answerSearches({
    clusterName,
    authorityHashes: hashes,
    secret: options.secret,
    hint: () => ({ clusterId, servers: [address], authorityHash: hashes[0] ?? '' }),
  })
}

/** Servers of the cluster that a join token belongs to, as those near answer. Throws UNAVAILABLE when nobody does. */
export async function searchServers(options: DiscoveryOptions, token: string, log: Log): Promise<readonly string[]> {
  const { authorityHash } = parseJoinToken(token)
  const { clusterName, secret } = options
  const search = { clusterName, authorityHash, secret, nodes: readNamedNodes(options.nodes) }
  for await (const { servers, from } of discovery(options, log).findServers(
    search,
    AbortSignal.timeout(SEARCH_FOR_MS),
  )) {
    // Without a host it is whoever has answered.
    if (servers.length > 0) return servers.map((server) => (server.startsWith(':') ? `${from}${server}` : server))
  }
  throw new OperationalError('UNAVAILABLE', `no server of ${clusterName} answers on this network`, {
    hint: 'name one with --servers; servers answer searches when they are started with --discovery',
  })
}

function discovery({ bindAddress, port }: Pick<DiscoveryOptions, 'bindAddress' | 'port'>, log: Log): Discovery {
  return udpDiscovery({
    clock: systemClock(),
    rng: systemRng(),
    log,
    bindAddress: bindAddress ?? '0.0.0.0',
    port: port ?? DISCOVERY_PORT,
  })
}
