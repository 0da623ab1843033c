import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import type { PortFact } from '../../core/install/judge-machine.ts'

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has it',
  EACCES: 'this user may not',
  EADDRNOTAVAIL: 'that is no address of this machine',
}

/** Tries whether a port can be listened on, and lets go of it again. */
export function tryPort(port: Omit<PortFact, 'taken'>): Promise<PortFact> {
  return port.protocol === 'tcp' ? tryTcp(port) : tryUdp(port)
}

function tryTcp(port: Omit<PortFact, 'taken'>): Promise<PortFact> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve({ ...port, taken: reasonOf(error) }))
    server.listen({ host: port.host, port: port.port }, () => server.close(() => resolve({ ...port, taken: null })))
  })
}

function tryUdp(port: Omit<PortFact, 'taken'>): Promise<PortFact> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', (error) => {
      socket.close()
      resolve({ ...port, taken: reasonOf(error) })
    })
    socket.bind(port.port, port.host, () => socket.close(() => resolve({ ...port, taken: null })))
  })
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return REASONS[error.code ?? ''] ?? error.message
}
