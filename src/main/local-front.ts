import { createServer, type Socket } from 'node:net'
import { OperationalError } from '../core/errors.ts'
import { errorAnswer } from '../transport/http/error-answer.ts'
import { lastAnswer } from '../transport/http/last-answer.ts'
import { listenOnSocket } from '../transport/http/listeners.ts'
import { dialAny } from './dial-any.ts'
import { dialApi } from './link-service.ts'
import type { MachineIdentity } from './machine-identity.ts'

type Machine = Pick<MachineIdentity, 'present' | 'revoked'>

/** Each is a connection to a server. */
const MAX_CONNECTIONS = 200

/** The local socket of a machine that is no server. */
export interface LocalFront {
  close(): Promise<void>
}

/** Makes of every connection to the socket one to the API of a server, the first that can be reached. */
export async function openLocalFront(
  path: string,
  servers: () => readonly string[],
  machine: Machine,
): Promise<LocalFront> {
  const open = new Set<Socket>()
  const front = createServer((socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.on('error', () => undefined)
    void passOn(socket, servers(), machine)
  })
  front.maxConnections = MAX_CONNECTIONS
  await listenOnSocket(front, path)
  return {
    close: () => {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()))
      for (const socket of open) socket.destroy()
      return closed
    },
  }
}

async function passOn(socket: Socket, servers: readonly string[], machine: Machine): Promise<void> {
  try {
    const other = await dialAny(servers, (server) => dialApi(server, machine))
    // Whoever asked may have left meanwhile.
    if (socket.closed) {
      other.destroy()
      return
    }
    socket.pipe(other)
    other.pipe(socket)
    other.once('error', () => socket.destroy())
    other.once('close', () => socket.destroy())
    socket.once('close', () => other.destroy())
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    const failure = new OperationalError(
      'UNAVAILABLE',
      `no server can be reached from this machine: ${error.message}`,
      {
        hint: 'what runs here goes on; try again when a server is back',
      },
    )
    lastAnswer(socket, errorAnswer(failure, 'agent'))
  }
}
