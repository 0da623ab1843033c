import { readNamedNodes } from '../core/discovery/named-nodes.ts'
import { OperationalError } from '../core/errors.ts'
import { compareText } from '../lib/collections.ts'
import type { DiscoveryOptions } from '../main/discovery.ts'
import type { LinkOptions } from '../main/node-process.ts'
import type { SharedMemoryOptions } from '../main/open-store.ts'

const DISCOVERY_PORT = 7946

/** Where a server of GoCluster's file has its link: one above the port that the file gives it. */
export function linkOfFile({ bindAddress, port }: DiscoveryOptions): string | undefined {
  const isOne = bindAddress !== null && bindAddress !== '0.0.0.0'
  return isOne ? `${bindAddress}:${(port ?? DISCOVERY_PORT) + 1}` : undefined
}

/**
 * The servers that a file of GoCluster names, in an order that is the same on each of them: it lists the others, and this one
 * if it likes. Throws USAGE for a link where the others would not look for it, CONFIG_INVALID for what is no address.
 */
export function serversByNodes({ nodes, port }: DiscoveryOptions, link: LinkOptions | null): SharedMemoryOptions {
  const expected = (port ?? DISCOVERY_PORT) + 1
  if (link === null || link.port !== expected) {
    throw new OperationalError('USAGE', `the servers in nodes look for this one at port ${expected} of its address`, {
      hint: `add --link HOST:${expected}, one above cluster.discovery_port`,
    })
  }
  const named = readNamedNodes(nodes).map((node) => `${node.host}:${node.port + 1}`)
  const all = new Set([`${link.advertise}:${link.port}`, ...named])
  return { kind: 'shared-memory', seeds: [...all].sort(compareText) }
}
