import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { OperationalError } from '../../core/errors.ts'
import { fileFailure } from '../../lib/file-failure.ts'
import type { ListenAddress } from './server.ts'

/** What the kernel's address structure holds. */
const MAX_SOCKET_PATH_BYTES = 107

/** Listens on a TCP port and returns its URL. Throws PORT_IN_USE, CONFIG_INVALID. */
export async function listenOnPort(server: Server, { host, port, tls }: ListenAddress): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(portFailure(cause, host, port)))
    server.listen({ host, port }, resolve)
  })
  const { port: actual } = server.address() as AddressInfo
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${actual}`
}

/** Throws what `listenOnPort` would throw now, before anything is made that would be left behind. */
export async function checkPortIsFree({ host, port }: ListenAddress): Promise<void> {
  const server = createServer()
  await listenOnPort(server, { host, port })
  await new Promise((resolve) => server.close(resolve))
}

function portFailure(cause: NodeJS.ErrnoException, host: string, port: number): OperationalError {
  if (cause.code === 'EADDRINUSE') {
    return new OperationalError('PORT_IN_USE', `another program listens on ${host}:${port}`, {
      hint: `stop it, or choose another port: GANTRY_LISTEN=${host}:${port + 1}`,
      cause,
    })
  }
  const why = cause.code === 'EACCES' ? 'this user may not use that port' : (cause.code ?? cause.message)
  return new OperationalError('CONFIG_INVALID', `cannot listen on ${host}:${port}: ${why}`, {
    hint: 'choose another address with GANTRY_LISTEN',
    cause,
  })
}

/** Listens on a socket that only its owner can open. A file that a dead server left there is replaced. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new OperationalError(
      'CONFIG_INVALID',
      `the path of the socket is longer than ${MAX_SOCKET_PATH_BYTES} bytes: ${path}`,
      {
        hint: 'choose a shorter one with GANTRY_SOCKET',
      },
    )
  }
  await removeStale(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `cannot listen on the socket ${path}: ${fileFailure(cause.code ?? cause.message)}`
      reject(
        new OperationalError('CONFIG_INVALID', message, {
          hint: 'does its directory exist, and may it be written?',
          cause,
        }),
      )
    })
    // The file is there as soon as `listen` returns, and must never be open to others, not even for a moment.
    const before = process.umask(0o177)
    server.listen({ path }, resolve)
    process.umask(before)
  })
  chmodSync(path, 0o600)
}

async function removeStale(path: string): Promise<void> {
  const file = lstatSync(path, { throwIfNoEntry: false })
  if (file === undefined) return
  if (!file.isSocket()) {
    throw new OperationalError('CONFIG_INVALID', `${path} is there and is not a socket`, {
      hint: 'choose another one with GANTRY_SOCKET',
    })
  }
  if (await answers(path)) {
    throw new OperationalError('PORT_IN_USE', `another program listens on ${path}`, {
      hint: 'is Gantry running already? Otherwise choose another socket with GANTRY_SOCKET',
    })
  }
  unlinkSync(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
