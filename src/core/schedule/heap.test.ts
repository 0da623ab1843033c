import fc from 'fast-check'
import { expect, test } from 'vitest'
import { heapOf } from './heap.ts'

test('a heap always has the best of its positions on top', () => {
  const anyStep = fc.record({ at: fc.nat(9), score: fc.nat(4), kind: fc.constantFrom('put', 'put', 'remove') })
  fc.assert(
    fc.property(
      fc.array(fc.nat(4), { minLength: 10, maxLength: 10 }),
      fc.subarray([...Array(10).keys()]),
      fc.array(anyStep),
      (first, positions, steps) => {
        const scores = Float64Array.from(first)
        const heap = heapOf(positions, scores)
        const inside = new Set(positions)
        const best = (): number | null =>
          [...inside].sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b)[0] ?? null
        expect(heap.top()).toBe(best())
        for (const { at, score, kind } of steps) {
          if (kind === 'put') {
            scores[at] = score
            heap.put(at)
            inside.add(at)
          } else {
            heap.remove(at)
            inside.delete(at)
          }
          expect(heap.top()).toBe(best())
        }
      },
    ),
  )
})
