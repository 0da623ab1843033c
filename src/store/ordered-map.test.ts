import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OrderedMap } from './ordered-map.ts'

const anyKey = fc.stringMatching(/^[ab]{0,3}$/)
const anyStep = fc.record({ key: anyKey, put: fc.boolean() })

test('an ordered map answers as a sorted list of the last record of each key', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), anyKey, (steps, prefix) => {
      const map = new OrderedMap<{ readonly key: string; readonly step: number }>()
      const model = new Map<string, { readonly key: string; readonly step: number }>()
      steps.forEach(({ key, put }, step) => {
        if (put) map.set({ key, step })
        else map.delete(key)
        if (put) model.set(key, { key, step })
        else model.delete(key)
      })
      const sorted = [...model.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
      expect(map.list()).toEqual(sorted)
      expect(map.size).toBe(sorted.length)
      expect(map.listPrefix(prefix)).toEqual(sorted.filter(({ key }) => key.startsWith(prefix)))
    }),
  )
})

test('a list that was handed out does not change any more', () => {
  const map = new OrderedMap<{ readonly key: string }>()
  map.set({ key: 'a' })
  const list = map.list()
  map.set({ key: 'b' })
  map.delete('a')
  expect(list).toEqual([{ key: 'a' }])
})
