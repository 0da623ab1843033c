import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/** A door in front of a server: shut, nothing goes through in either direction, and nobody is told. */
export class TcpGate {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #shut = false

  private constructor(server: Server) {
    this.#server = server
  }

  static async before(port: number): Promise<TcpGate> {
    const server = createServer({ pauseOnConnect: true })
    const gate = new TcpGate(server)
    server.on('connection', (near) => {
      const far = connect({ host: '127.0.0.1', port })
      gate.#join(near, far)
      gate.#join(far, near)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return gate
  }

  /** As a store wants it. */
  get host(): string {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : ''
  }

  shut(): void {
    this.#shut = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** What was held back goes through now. */
  open(): void {
    this.#shut = false
    for (const socket of this.#sockets) socket.resume()
  }

  /** Breaks the connections that are there. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.on('data', (chunk) => to.write(chunk))
    // Either end's failure is the end of both.
    from.once('error', () => to.destroy())
    from.once('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
    if (this.#shut) from.pause()
    else from.resume()
  }
}
