import { createHmac } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Mac } from '../src/core/discovery/packet.ts'
import type { AnsweredSearches, ServerSearch } from '../src/ports/discovery.ts'

export const AUTHORITY = 'a'.repeat(52)

/** HMAC under one of as many keys as a test needs. */
export function aMac(key: number): Mac {
  return (bytes) => createHmac('sha256', `key ${key}`).update(bytes).digest()
}

/** What a server answers, in tests; overrides say what matters. */
export function anAnswer(change: Partial<AnsweredSearches> = {}): AnsweredSearches {
  return {
    clusterName: 'blue',
    authorityHashes: [AUTHORITY],
    secret: null,
    hint: () => ({ clusterId: '0123456789abcdef', authorityHash: AUTHORITY, servers: [':7947'] }),
    ...change,
  }
}

export function aSearch(change: Partial<ServerSearch> = {}): ServerSearch {
  return { clusterName: 'blue', authorityHash: null, secret: null, nodes: [], ...change }
}

/** A bare socket of the loopback interface, to send what no sound program sends and to see what comes back. */
export class BareSocket {
  readonly #socket: Socket
  readonly received: Buffer[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (packet) => this.received.push(packet))
  }

  static async open(address = '127.0.0.1'): Promise<BareSocket> {
    const socket = createSocket('udp4')
    socket.bind(0, address)
    await once(socket, 'listening')
    return new BareSocket(socket)
  }

  get port(): number {
    return this.#socket.address().port
  }

  /** Resolves when the kernel has taken it. */
  send(packet: Uint8Array, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(packet, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error)))
    })
  }

  /** The next packet that comes. */
  async next(): Promise<Buffer> {
    const [packet] = await once(this.#socket, 'message')
    return packet as Buffer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }
}
