/** What is known of a connection: a socket of Node has it. */
interface Connection {
  readonly remoteAddress?: string | undefined
  once(event: 'close', call: () => void): unknown
}

export interface ConnectionLimits {
  readonly total: number
  readonly perAddress: number
}

/** Counts connections from before anything is said over them, so that nobody can take up all of them. */
export class ConnectionCount {
  readonly #limits: ConnectionLimits
  readonly #byAddress = new Map<string, number>()
  #total = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** Counts it until it is closed. False: it is one too many. */
  admit(connection: Connection): boolean {
    const address = connection.remoteAddress ?? ''
    const same = this.#byAddress.get(address) ?? 0
    if (this.#total >= this.#limits.total || same >= this.#limits.perAddress) return false
    this.#total += 1
    this.#byAddress.set(address, same + 1)
    connection.once('close', () => this.#forget(address))
    return true
  }

  #forget(address: string): void {
    this.#total -= 1
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left === 0) this.#byAddress.delete(address)
    else this.#byAddress.set(address, left)
  }
}
