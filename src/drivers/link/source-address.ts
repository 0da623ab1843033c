import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Millis } from '../../core/model/ids.ts'
import { hostAndPort } from './address.ts'

const NAMED_WITHIN_MS: Millis = 1_000
/** Only on this machine, or only on this link. */
const NOT_FOR_OTHERS = /^(127\.|::1$|::ffff:127\.|fe80:|169\.254\.)/

/**
 * The address that this machine has towards the first of these servers to which it has a route, by which they reach it too
 * unless addresses are translated in between; nothing is sent. null: none that means something to others.
 */
export async function sourceAddress(servers: readonly string[]): Promise<string | null> {
  for (const server of servers) {
    const address = await addressTowards(server)
    if (address !== null && !NOT_FOR_OTHERS.test(address)) return address
  }
  return null
}

/** A datagram socket that is connected has chosen its own address. */
function addressTowards(server: string): Promise<string | null> {
  const { host, port } = hostAndPort(server)
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    let ended = false
    const end = (address: string | null): void => {
      clearTimeout(late)
      if (!ended) socket.close()
      ended = true
      resolve(address)
    }
    // A name that is looked up for long must not hold up what runs here.
    const late = setTimeout(() => end(null), NAMED_WITHIN_MS)
    socket.once('error', () => end(null))
    socket.once('connect', () => end(socket.address().address))
    socket.connect(port, host)
  })
}
