import { VIGILANCES } from '../../src/core/node/vigilance.ts'
import type { Net } from './checks.ts'
import type { SimNode } from './node.ts'
import type { SimServer } from './server.ts'
import type { Surroundings } from './surroundings.ts'

/** A server that misses an agent has counted the silence of its machine for so much less than that lasts. */
const UNTIL_MISSED_MS = VIGILANCES.normal.patience.silentForMs - VIGILANCES.normal.patience.askWithinMs

/** How the machines of a life really stand to each other, for those who check what is said of it. */
export function truthOf(around: Surroundings, servers: readonly SimServer[], nodes: readonly SimNode[]): Net {
  const serverNamed = (author: string): SimServer | undefined => servers.find(({ process }) => process?.name === author)
  const nodeNamed = (name: string): SimNode | undefined => nodes.find((node) => node.name === name)
  const isConnectedFor = (author: string, name: string, ms: number): boolean => {
    const [server, node] = [serverNamed(author), nodeNamed(name)]
    if (server === undefined || node === undefined || server.awakeForMs < ms || node.awakeForMs < ms) return false
    const connection = node.connection
    return (connection?.isOf(server.process) ?? false) && (connection?.openForMs ?? 0) >= ms
  }
  return {
    isConnectedFor,
    isTakenForConnected: (author, name) =>
      nodeNamed(name)?.isTakenForConnected(serverNamed(author)?.process ?? null) ?? false,
    isSilentFor: (author, name, ms) => {
      const [server, node] = [serverNamed(author), nodeNamed(name)]
      if (server === undefined || node === undefined || server.awakeForMs < ms) return false
      if (node.missedForMs(server.process) < ms - UNTIL_MISSED_MS) return false
      if (node.silentForMs >= ms) return true
      const { network } = around
      if (network.brokenForMs(server.machine, name) < ms) return false
      return nodes.every(
        (one) =>
          one === node ||
          one.silentForMs >= ms ||
          network.brokenForMs(server.machine, one.name) >= ms ||
          network.brokenForMs(one.name, name) >= ms,
      )
    },
    isHeardFor: (author, name, ms) => {
      const [server, node] = [serverNamed(author), nodeNamed(name)]
      if (server === undefined || node === undefined) return false
      if (node.answeringForMs < ms || server.awakeForMs < ms) return false
      if (around.network.wholeForMs(server.machine, name) >= ms) return true
      const witnesses = nodes.filter((one) => one !== node && one.connection?.isOf(server.process))
      return (
        witnesses.length > 0 &&
        witnesses.every(
          (one) =>
            isConnectedFor(author, one.name, ms) &&
            one.answeringForMs >= ms &&
            around.network.wholeForMs(server.machine, one.name) >= ms &&
            around.network.wholeForMs(one.name, name) >= ms,
        )
      )
    },
  }
}
