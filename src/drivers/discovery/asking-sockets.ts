import type { Socket } from 'node:dgram'
import type { NamedNode } from '../../core/discovery/named-nodes.ts'
import { type LocalAddress, localAddresses } from './interfaces.ts'
import type { UdpOptions } from './udp.ts'
import { closeSocket, DISCOVERY_GROUP, openSocket } from './udp-socket.ts'

/** One socket for each address of the machine, so that what is sent leaves there, and one for the named nodes. */
export class AskingSockets {
  readonly #options: UdpOptions
  readonly #onPacket: (packet: Buffer, from: string) => void
  readonly #near = new Map<string, Socket>()
  #named: Socket | null = null

  constructor(options: UdpOptions, onPacket: (packet: Buffer, from: string) => void) {
    this.#options = options
    this.#onPacket = onPacket
  }

  /** Sends a search to everybody near and to the named nodes. What cannot be sent is left out: another search follows. */
  async ask(packet: Uint8Array, nodes: readonly NamedNode[]): Promise<void> {
    const { bindAddress, port } = this.#options
    const here = localAddresses(bindAddress)
    await this.#closeGone(here)
    for (const local of here) {
      const socket = this.#near.get(local.address) ?? (await this.#openNear(local))
      if (socket === null) continue
      this.#send(socket, packet, port, DISCOVERY_GROUP)
      if (local.broadcast !== null) this.#send(socket, packet, port, local.broadcast)
    }
    if (nodes.length > 0) this.#named ??= await this.#open(bindAddress)
    for (const node of nodes) if (this.#named !== null) this.#send(this.#named, packet, node.port, node.host)
  }

  async close(): Promise<void> {
    const open = [...this.#near.values(), ...(this.#named === null ? [] : [this.#named])]
    this.#near.clear()
    this.#named = null
    await Promise.all(open.map(closeSocket))
  }

  async #closeGone(here: readonly LocalAddress[]): Promise<void> {
    for (const [address, socket] of this.#near) {
      if (here.some((local) => local.address === address)) continue
      this.#near.delete(address)
      await closeSocket(socket)
    }
  }

  async #openNear({ address }: LocalAddress): Promise<Socket | null> {
    const socket = await this.#open(address, (made) => {
      made.setBroadcast(true)
      made.setMulticastInterface(address)
    })
    if (socket !== null) this.#near.set(address, socket)
    return socket
  }

  /** null: not now, for the address may have gone since we looked. */
  async #open(address: string, prepare: (socket: Socket) => void = () => undefined): Promise<Socket | null> {
    const { log } = this.#options
    let socket: Socket | null = null
    try {
      socket = await openSocket(address, 0)
      prepare(socket)
      socket.on('message', (packet, { address: from }) => this.#onPacket(packet, from))
      socket.on('error', (error) => log.debug('a searching socket failed', { address, error }))
      return socket
    } catch (error) {
      log.debug('a network cannot be searched', { address, error })
      if (socket !== null) await closeSocket(socket)
      return null
    }
  }

  #send(socket: Socket, packet: Uint8Array, port: number, to: string): void {
    socket.send(packet, port, to, (error) => {
      if (error !== null) this.#options.log.debug('a search could not be sent', { to, port, error })
    })
  }
}
