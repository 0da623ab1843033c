import type { Mirror } from '../store/mirror.ts'

/** The serials of revoked certificates, as the mirror has them. */
export class RevokedSerials {
  readonly #mirror: Mirror
  #serials: ReadonlySet<string>

  constructor(mirror: Mirror) {
    this.#mirror = mirror
    this.#serials = this.#read()
    this.onChange(() => {
      this.#serials = this.#read()
    })
  }

  /** The same set for as long as nothing changes. */
  get all(): ReadonlySet<string> {
    return this.#serials
  }

  /** Calls whenever there are others; returns a function that ends it. */
  onChange(call: () => void): () => void {
    return this.#mirror.onChange(({ changes }) => {
      if (changes.some(({ key }) => key.startsWith('revoked/'))) call()
    })
  }

  #read(): ReadonlySet<string> {
    return new Set(this.#mirror.list('revoked').map(({ value }) => value.serial))
  }
}
