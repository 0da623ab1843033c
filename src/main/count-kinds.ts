import type { Snapshot } from '../ports/store.ts'

/** Objects of a state by kind. */
export function countKinds({ records }: Snapshot): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const { key } of records) {
    const kind = key.slice(0, key.indexOf('/'))
    found.set(kind, (found.get(kind) ?? 0) + 1)
  }
  return found
}
