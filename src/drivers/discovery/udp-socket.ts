import { createSocket, type Socket } from 'node:dgram'
import { OperationalError } from '../../core/errors.ts'

/** Where packets to everybody in the network go who has joined: a group of organization-local scope, sent one hop far. */
export const DISCOVERY_GROUP = '239.255.79.46'

/**
 * Opens an IPv4 socket. A port other than 0 can be shared with other clusters of the machine: packets to everybody reach
 * all of them, packets to this machine alone only one. Throws PORT_IN_USE, CONFIG_INVALID or UNAVAILABLE.
 */
export async function openSocket(address: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: port !== 0 })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(port, address, () => {
        socket.off('error', reject)
        resolve()
      })
    })
    return socket
  } catch (error) {
    await closeSocket(socket)
    throw cannotListen(error, address, port)
  }
}

/** Resolves when the socket is closed; it may be closed already. */
export function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', resolve)
    try {
      socket.close()
    } catch {
      // It closed by itself, and says so only by throwing.
      resolve()
    }
  })
}

function cannotListen(cause: unknown, address: string, port: number): OperationalError {
  const code = (cause as { code?: string }).code ?? 'unknown error'
  const what = `cannot listen on UDP ${address}:${port}`
  if (code === 'EADDRINUSE') return new OperationalError('PORT_IN_USE', `${what}: another program does`, { cause })
  if (code === 'EADDRNOTAVAIL') {
    return new OperationalError('CONFIG_INVALID', `${what}: this machine has no such address`, { cause })
  }
  return new OperationalError('UNAVAILABLE', `${what}: ${code}`, { cause })
}
