/** We failed, not the world: a promise of our own code does not hold. Never caught locally. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Stops with an InvariantError unless the condition holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** The end of a switch over a closed union: the type checker proves that it is never reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected value ${JSON.stringify(value)}`)
}
