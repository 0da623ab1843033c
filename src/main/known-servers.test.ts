import { expect, test } from 'vitest'
import { KnownServers } from './known-servers.ts'

test('whoever was told of one server knows the others that it has met, now and at its next start', () => {
  let kept: readonly string[] = []
  const keep = (all: readonly string[]): void => {
    kept = all
  }
  const known = new KnownServers(['10.0.0.2'], [], keep)
  known.met('10.0.0.2:7947')
  expect(kept).toEqual([])
  known.met('10.0.0.1:7947')
  known.met('10.0.0.1:7947')
  expect(known.all).toEqual(['10.0.0.2', '10.0.0.1:7947'])
  expect(new KnownServers(['10.0.0.2'], kept, keep).all).toEqual(['10.0.0.2', '10.0.0.1:7947'])
})

test('of those that were met long ago the oldest are forgotten, and none that was told', () => {
  const known = new KnownServers(['s'], [], () => undefined)
  for (let i = 0; i < 30; i++) known.met(`10.0.0.${i}:7947`)
  expect(known.all).toHaveLength(15)
  expect(known.all[0]).toBe('s')
  expect(known.all.at(-1)).toBe('10.0.0.29:7947')
})
