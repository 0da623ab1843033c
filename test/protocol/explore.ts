/** One step that the modelled world can take. */
export interface Step<S> {
  /** For people: `leader 1 takes epoch 2`. */
  readonly name: string
  readonly next: S
}

export interface Exploration {
  /** States that can be reached, each counted once. */
  readonly states: number
  /** The shortest way to a broken promise: the steps, then the promise; null: none breaks. */
  readonly counterexample: readonly string[] | null
}

interface Visited<S> {
  readonly state: S
  readonly before: number
  readonly step: string
}

/**
 * Visits every state that can be reached, nearest first, so that the first broken promise that it finds has a shortest
 * story. `broken` names a promise that does not hold in a state, or null; states of equal key are one. Throws beyond `limit` states: a model that
 * is not explored to its end proves nothing.
 */
export function explore<S>(
  start: S,
  steps: (state: S) => Iterable<Step<S>>,
  broken: (state: S) => string | null,
  keyOf: (state: S) => string,
  limit: number,
): Exploration {
  const known = new Set<string>([keyOf(start)])
  const visited: Visited<S>[] = [{ state: start, before: -1, step: '' }]
  for (let at = 0; at < visited.length; at++) {
    const { state } = visited[at] as Visited<S>
    const promise = broken(state)
    if (promise !== null) return { states: visited.length, counterexample: [...story(visited, at), `=> ${promise}`] }
    for (const { name, next } of steps(state)) {
      const key = keyOf(next)
      if (known.has(key)) continue
      if (known.size >= limit) throw new Error(`more than ${limit} states`)
      known.add(key)
      visited.push({ state: next, before: at, step: name })
    }
  }
  return { states: visited.length, counterexample: null }
}

function story<S>(visited: readonly Visited<S>[], end: number): string[] {
  const names: string[] = []
  for (let at = end; at > 0; ) {
    const { step, before } = visited[at] as Visited<S>
    names.push(step)
    at = before
  }
  return names.reverse()
}
