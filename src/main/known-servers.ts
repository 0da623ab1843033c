import { hostAndPort } from '../drivers/link/address.ts'

/** As many as are ever met at the same time, twice. */
const MOST_MET = 14

/**
 * The servers that an agent dials: those that it was told of, and those of its cluster that it came to from there. Whoever was
 * told of one server only finds the others when that one is lost.
 */
export class KnownServers {
  readonly #told: readonly string[]
  readonly #keep: (all: readonly string[]) => void
  #met: readonly string[]

  /** `before`: what an earlier start has kept. `keep` is called with all of them when there is another one. */
  constructor(told: readonly string[], before: readonly string[], keep: (all: readonly string[]) => void) {
    this.#told = told
    this.#met = before.filter((address) => !isAmong(address, told)).slice(-MOST_MET)
    this.#keep = keep
  }

  get all(): readonly string[] {
    return [...this.#told, ...this.#met]
  }

  /** A server of the cluster, which proved that it is one, is at that address. */
  met(address: string): void {
    if (isAmong(address, this.all)) return
    this.#met = [...this.#met, address].slice(-MOST_MET)
    this.#keep(this.all)
  }
}

function isAmong(address: string, addresses: readonly string[]): boolean {
  return addresses.some((other) => placeOf(other) === placeOf(address))
}

function placeOf(address: string): string {
  const { host, port } = hostAndPort(address)
  return `${host} ${port}`
}
