import { expect, test } from 'vitest'
import { addLook, duplicates, type Look, longestMs, orphans, outages, overlaps, type Seen, starts } from './history.ts'

const A = aContainer('a', '1')
const B = aContainer('b', '1')
const OTHER = aContainer('c', '2')

function aContainer(id: string, slot: string, host = 'node1'): Seen {
  return { host, id, pid: 100, cluster: 'c', service: 'db', slot, task: `db.${slot}.${id}` }
}

/** A look each 100 ms. */
function aHistory(...looks: readonly (readonly Seen[])[]): Look[] {
  const history: Look[] = []
  for (const [i, running] of looks.entries()) addLook(history, i * 100, running)
  return history
}

test('looks that saw the same are one, in whatever order they saw it', () => {
  expect(aHistory([A, OTHER], [OTHER, A], [A])).toEqual([
    { from: 0, until: 100, running: [A, OTHER] },
    { from: 200, until: 200, running: [A] },
  ])
})

test('a restart in place is another look and another start', () => {
  const again = { ...A, pid: 101 }
  const history = aHistory([A], [again], [again])
  expect(history).toHaveLength(2)
  expect(starts(history, 'db')).toEqual([A, again])
  expect(starts(history, 'web')).toEqual([])
})

test('two containers of one slot overlap for as long as both run', () => {
  const history = aHistory([A], [A, B], [A, B, OTHER], [B, OTHER], [B, A])
  expect(overlaps(history, () => true)).toEqual([
    { service: 'db', slot: '1', from: 100, until: 200, containers: [A, B] },
    { service: 'db', slot: '1', from: 400, until: 400, containers: [B, A] },
  ])
  expect(overlaps(history, (service) => service !== 'db')).toEqual([])
})

test('an overlap of three one after the other is one overlap', () => {
  const third = aContainer('d', '1', 'node2')
  expect(overlaps(aHistory([A, B], [B, third]), () => true)).toEqual([
    { service: 'db', slot: '1', from: 0, until: 100, containers: [A, B, third] },
  ])
})

test('slots of two clusters, other slots and foreign containers do not overlap', () => {
  const foreign = { ...A, cluster: '', service: '', slot: '', task: '' }
  const history = aHistory([A, { ...B, cluster: 'd' }, OTHER, foreign, { ...foreign, id: 'f' }])
  expect(overlaps(history, () => true)).toEqual([])
})

test('a duplicate is an overlap that lasts longer than allowed', () => {
  const history = aHistory([A, B], [A], [A, B], [A, B], [A, B])
  expect(duplicates(history, 100)).toMatchObject([{ from: 200, until: 400 }])
  expect(duplicates(history, 200)).toEqual([])
})

test('an orphan is a container of ours that runs on without a task', () => {
  const foreign = { ...A, id: 'f', cluster: '', service: '', slot: '', task: '' }
  const history = aHistory([A, OTHER, foreign], [A, OTHER, foreign], [A, foreign], [foreign])
  const wantedUntil = (task: string): number => (task === OTHER.task ? Infinity : 50)
  expect(orphans(history, wantedUntil, 100)).toEqual([{ container: A, from: 50, until: 200 }])
  expect(orphans(history, wantedUntil, 150)).toEqual([])
  expect(orphans(history, () => -Infinity, 0)).toMatchObject([
    { from: 0, until: 200 },
    { from: 0, until: 100 },
  ])
})

test('an outage lasts until the first look that finds enough, or until the end', () => {
  const history = aHistory([A, OTHER], [A], [], [OTHER], [A, OTHER], [])
  expect(outages(history, 'db', 2)).toEqual([
    { from: 100, until: 400 },
    { from: 500, until: 500 },
  ])
  expect(outages(history, 'db')).toEqual([
    { from: 200, until: 300 },
    { from: 500, until: 500 },
  ])
  expect(longestMs(outages(history, 'db', 2))).toBe(300)
})

test('without looks there is nothing to tell', () => {
  expect(outages([], 'db')).toEqual([])
  expect(overlaps([], () => true)).toEqual([])
  expect(longestMs([])).toBe(0)
})
