import { expect, test } from 'vitest'
import type { Cluster } from '../model/cluster.ts'
import { levelRefusal } from './level-refusal.ts'

const cluster = (level: number): Cluster => ({
  ...{ id: '0123456789abcdef', name: 'shop', incarnation: 1, createdAt: 0 },
  level,
})

test.each([
  { name: 'no cluster yet', level: 1, its: null, refusal: null },
  { name: 'its own level', level: 3, its: cluster(3), refusal: null },
  { name: 'the level before: the cluster is being upgraded', level: 3, its: cluster(2), refusal: null },
  { name: 'a later level', level: 2, its: cluster(3), refusal: 'the cluster is at level 3, this version knows 2' },
  { name: 'two levels before', level: 3, its: cluster(1), refusal: 'this version reads from 2 on' },
])('a program may serve a cluster of its level or the one before: $name', ({ level, its, refusal }) => {
  const found = levelRefusal(level, its)
  if (refusal === null) expect(found).toBeNull()
  else expect(found?.message).toContain(refusal)
})

test('a cluster that says nothing of its level is at the first one', () => {
  const { level: _, ...old } = cluster(1)
  expect(levelRefusal(2, old)).toBeNull()
  expect(levelRefusal(3, old)?.hint).toContain('level 2 first')
})
