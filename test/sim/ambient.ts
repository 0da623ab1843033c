/** What the code under simulation must not reach: its time and chance come from ports. */
const GLOBALS = ['Date', 'fetch', 'performance', 'setTimeout', 'setInterval', 'queueMicrotask'] as const

interface Kept {
  readonly owner: object
  readonly name: string
  readonly descriptor: PropertyDescriptor
  /** What stands there while an event runs. */
  readonly stub: PropertyDescriptor
}

/**
 * Makes clock, chance and network of the machine throw while an event of a life runs, promises included. Between events
 * they are as usual, since whoever runs the lives needs them.
 */
export class AmbientGuard {
  readonly #kept: Kept[] = []
  #closed = false

  constructor() {
    for (const name of GLOBALS) this.#keep(globalThis, name)
    this.#keep(Math, 'random')
    for (const name of ['getRandomValues', 'randomUUID']) this.#keep(Crypto.prototype, name)
  }

  /** Between `enter` and `leave` everything ambient throws. */
  enter(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { owner, name, stub } of this.#kept) Object.defineProperty(owner, name, stub)
  }

  leave(): void {
    if (!this.#closed) return
    this.#closed = false
    for (const { owner, name, descriptor } of this.#kept) Object.defineProperty(owner, name, descriptor)
  }

  #keep(owner: object, name: string): void {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name)
    if (!descriptor?.configurable) return
    const get = (): never => {
      throw new Error(`${name} of the machine was used inside a simulated life`)
    }
    this.#kept.push({ owner, name, descriptor, stub: { get, configurable: true } })
  }
}
