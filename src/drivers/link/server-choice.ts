import type { Rng } from '../../lib/rng.ts'

/** Which server an agent tries next: the one it was sent to, else the one that served it last, else any; last those that failed it. */
export class ServerChoice {
  readonly #servers: () => readonly string[]
  readonly #rng: Rng
  #redirect: string | null = null
  #last: string | null = null
  readonly #failed = new Set<string>()

  constructor(servers: () => readonly string[], rng: Rng) {
    this.#servers = servers
    this.#rng = rng
  }

  /** All that there are, in the order in which they are to be tried; a leader that only other servers know comes first. */
  next(): readonly string[] {
    const servers = [...new Set(this.#servers())]
    const first = [this.#redirect, this.#last].filter(
      (address, i) => address !== null && (i === 0 || servers.includes(address)),
    )
    const rest = shuffled(servers, this.#rng)
    const isSound = (address: string): boolean => !this.#failed.has(address)
    return [...new Set([...(first as string[]), ...rest.filter(isSound), ...rest])]
  }

  /** Another server said that this one leads. */
  redirect(address: string): void {
    this.#redirect = address
  }

  answered(address: string): void {
    this.#last = address
    this.#redirect = null
    this.#failed.delete(address)
  }

  failed(address: string): void {
    this.#failed.add(address)
    if (this.#last === address) this.#last = null
    if (this.#redirect === address) this.#redirect = null
  }

  /** The one that answered does not lead. */
  elsewhere(leader: string | null): void {
    this.#last = null
    if (leader !== null) this.#redirect = leader
  }
}

/** All agents that lost the same server must not try the same one next. */
function shuffled(items: readonly string[], rng: Rng): string[] {
  const rest = [...items]
  for (let i = rest.length - 1; i > 0; i--) {
    const j = rng.below(i + 1)
    ;[rest[i], rest[j]] = [rest[j] as string, rest[i] as string]
  }
  return rest
}
