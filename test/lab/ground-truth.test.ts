import { expect, test } from 'vitest'
import { changed, type Placed, reignsIn } from './ground-truth.ts'

function aContainer(id: string, startedAt: string): Placed {
  return {
    id,
    name: id,
    labels: {},
    state: 'running',
    pid: 1,
    startedAt,
    host: 'node1',
    service: 'web',
    task: `web.1.${id}`,
  }
}

test('a container that is gone or was started anew has changed, one more is none', () => {
  const before = [aContainer('a', '10'), aContainer('b', '10'), aContainer('c', '10')]
  const after = [aContainer('a', '10'), aContainer('b', '11'), aContainer('d', '12')]
  expect(changed(before, after).map(({ id }) => id)).toEqual(['b', 'c'])
})

test('a reign lasts until the server itself says that it is over', () => {
  const log = `
Gantry is up.
{"level":"info","time":"2026-01-01T00:00:00.000Z","epoch":3,"message":"leading"}
{"level":"warn","time":"2026-01-01T00:00:09.000Z","epoch":3,"message":"no longer leading"}
{"level":"info","time":"2026-01-01T00:00:10.000Z","epoch":5,"message":"leading"}
{"level":"info","time":"2026-01-01T00:00:11.000Z","message":"leading"`
  const from = Date.parse('2026-01-01T00:00:00Z')
  expect(reignsIn(log)).toEqual([
    { epoch: 3, from, until: from + 9_000 },
    { epoch: 5, from: from + 10_000, until: null },
  ])
})
