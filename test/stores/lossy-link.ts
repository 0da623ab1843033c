import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/** A way to a server on which requests arrive while the answers can be lost. */
export class LossyLink {
  readonly #server: Server
  readonly #near = new Set<Socket>()
  readonly #far = new Set<Socket>()
  #losesAnswers = false

  private constructor(server: Server) {
    this.#server = server
  }

  /** Leads to `host:port`. */
  static async to(address: string): Promise<LossyLink> {
    const [host = '', port = ''] = address.split(':')
    const server = createServer()
    const link = new LossyLink(server)
    server.on('connection', (near) => link.#join(near, connect({ host, port: Number(port) })))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return link
  }

  get address(): string {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : ''
  }

  /** From now on no answer arrives on the connections that are there. */
  loseAnswers(): void {
    this.#losesAnswers = true
  }

  /** Breaks the connections that are there; new ones work. */
  cut(): void {
    this.#losesAnswers = false
    for (const socket of [...this.#near, ...this.#far]) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(near: Socket, far: Socket): void {
    this.#near.add(near)
    this.#far.add(far)
    near.on('data', (chunk) => far.write(chunk))
    far.on('data', (chunk) => {
      if (!this.#losesAnswers) near.write(chunk)
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      // Either end's failure is the end of both.
      one.on('error', () => other.destroy())
      one.on('close', () => {
        this.#near.delete(one)
        this.#far.delete(one)
        other.destroy()
      })
    }
  }
}
