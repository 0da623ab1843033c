/**
 * Finds the word that was probably meant, or null when none is near.
 *
 * Near is at most a third of the word's letters changed, or one word being the beginning of the other, so that
 * `replica`, `replcias` and `restart` find `replicas` and `restart_policy`, and `foo` finds nothing.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const plain = simplify(word)
  let best: string | null = null
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const distance = distanceTo(plain, simplify(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function simplify(word: string): string {
  return word.slice(0, 64).toLowerCase().replaceAll(/[-_ ]/g, '')
}

function distanceTo(word: string, candidate: string): number {
  if (word === candidate) return 0
  const shorter = Math.min(word.length, candidate.length)
  const longest = Math.max(word.length, candidate.length)
  const bound = Math.floor(longest / 3)
  // The difference in length is the least that it can be, and far cheaper to know.
  const distance = longest - shorter > bound ? longest : editDistance(word, candidate)
  if (distance <= bound) return distance
  const oneBeginsTheOther = word.startsWith(candidate) || candidate.startsWith(word)
  return shorter >= 3 && oneBeginsTheOther ? longest - shorter : Number.POSITIVE_INFINITY
}

/** Insertions, deletions, changes and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let cost = Math.min(change, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
