import type { Socket } from 'node:net'

export interface ConnectionLimits {
  readonly total: number
  readonly perAddress: number
}

/** Machines behind one address translator share an address, so one may have many. */
export const CONNECTION_LIMITS: ConnectionLimits = { total: 16_384, perAddress: 1_024 }

/** Counts connections from before their TLS handshake on, so that nobody can take up all of them. */
export class ConnectionCount {
  readonly #limits: ConnectionLimits
  readonly #byAddress = new Map<string, number>()
  #total = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** Counts it until it is closed. False: it is one too many. */
  admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? ''
    const same = this.#byAddress.get(address) ?? 0
    if (this.#total >= this.#limits.total || same >= this.#limits.perAddress) return false
    this.#total += 1
    this.#byAddress.set(address, same + 1)
    socket.once('close', () => this.#forget(address))
    return true
  }

  #forget(address: string): void {
    this.#total -= 1
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left === 0) this.#byAddress.delete(address)
    else this.#byAddress.set(address, left)
  }
}
