/** What the code under simulation must not reach: its time and chance come from ports. */
const GLOBALS = ['Date', 'fetch', 'performance', 'setTimeout', 'setInterval', 'queueMicrotask'] as const

/** Whether an event runs now. */
let isClosed = false
let isInstalled = false

/**
 * Makes clock, chance and network of the machine throw while an event of a life runs, promises included. Between events
 * they are as usual, since whoever runs the lives needs them.
 *
 * The globals are replaced once, by what looks whether an event runs. Replaced and put back around events, they took
 * 2.5 % of a small life, and made whatever else reads `Math` slower: V8 takes nothing for granted of an object that keeps changing.
 */
export class AmbientGuard {
  constructor() {
    if (isInstalled) return
    isInstalled = true
    for (const name of GLOBALS) guardRead(globalThis, name)
    guardCall(Math, 'random')
    for (const name of ['getRandomValues', 'randomUUID']) guardCall(Crypto.prototype, name)
  }

  /** Between `enter` and `leave` everything ambient throws. */
  enter(): void {
    isClosed = true
  }

  leave(): void {
    isClosed = false
  }
}

function requireOpen(name: string): void {
  if (isClosed) throw new Error(`${name} of the machine was used inside a simulated life`)
}

/** Throws when it is read inside an event. */
function guardRead(owner: object, name: string): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name)
  if (!descriptor?.configurable) return
  let kept: unknown = Reflect.get(owner, name)
  const get = (): unknown => {
    requireOpen(name)
    return kept
  }
  const set = (value: unknown): void => {
    kept = value
  }
  Object.defineProperty(owner, name, { get, set, configurable: true, enumerable: descriptor.enumerable ?? false })
}

/** Throws when it is called inside an event. It stays a plain function of its owner, of which V8 knows much. */
function guardCall(owner: object, name: string): void {
  const usual: unknown = Reflect.get(owner, name)
  if (typeof usual !== 'function') return
  const guarded = function (this: unknown, ...given: unknown[]): unknown {
    requireOpen(name)
    return Reflect.apply(usual, this, given)
  }
  Reflect.set(owner, name, guarded)
}
