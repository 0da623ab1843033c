import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { OperationalError } from '../../core/errors.ts'
import type { PortBinding } from '../../core/model/task.ts'
import { errorCode } from '../durable-text.ts'

/** Throws PORT_IN_USE when another program has one of the host ports, on any address of the machine. */
export async function requireFreePorts(hostPorts: readonly PortBinding[]): Promise<void> {
  await Promise.all(hostPorts.map(requireFreePort))
}

async function requireFreePort({ host, protocol }: PortBinding): Promise<void> {
  try {
    await (protocol === 'tcp' ? bindTcp(host) : bindUdp(host))
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EADDRINUSE') {
      throw new OperationalError('PORT_IN_USE', `another program listens on port ${host}/${protocol}`, { cause: error })
    }
    const reason = code === 'EACCES' ? 'only root may listen on it' : code
    throw new OperationalError('RUNTIME_REFUSED', `cannot use port ${host}/${protocol}: ${reason}`, { cause: error })
  }
}

function bindTcp(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve()))
  })
}

function bindUdp(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.on('error', reject)
    socket.bind({ port, address: '0.0.0.0', exclusive: true }, () => socket.close(() => resolve()))
  })
}
