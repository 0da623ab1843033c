import { expect, test } from 'vitest'
import { type ContainerEvent, doubles, runsOf } from './runs.ts'

function anEvent(kind: ContainerEvent['kind'], at: number, id = 'a', host = 'node1'): ContainerEvent {
  const labels = { 'gantry.service': 'db', 'gantry.slot': '1', 'gantry.task': `db.1.${id}` }
  return { kind, host, id: kind === 'power-lost' ? '' : id, labels, at }
}

test('a run goes from a start to the end that follows it', () => {
  const events = [anEvent('die', 20), anEvent('start', 10), anEvent('start', 30)]
  expect(runsOf(events)).toMatchObject([
    { id: 'a', task: 'db.1.a', from: 10, until: 20 },
    { id: 'a', from: 30, until: Number.POSITIVE_INFINITY },
  ])
})

test('an end without a start is one of a container that ran before', () => {
  expect(runsOf([anEvent('die', 20)])).toMatchObject([{ from: Number.NEGATIVE_INFINITY, until: 20 }])
})

test('a loss of power ends everything on that machine and nothing elsewhere', () => {
  const events = [anEvent('start', 10), anEvent('start', 11, 'b', 'node2'), anEvent('power-lost', 15)]
  expect(runsOf(events)).toMatchObject([{ until: 15 }, { until: Number.POSITIVE_INFINITY }])
})

test('runs of one slot that overlap are a double, those that follow each other are not', () => {
  const apart = [anEvent('start', 10), anEvent('die', 20), anEvent('start', 20, 'b')]
  expect(doubles(runsOf(apart), 'db')).toEqual([])
  const together = [anEvent('start', 10), anEvent('start', 19, 'b'), anEvent('die', 20)]
  expect(doubles(runsOf(together), 'db')).toMatchObject([[{ id: 'a' }, { id: 'b' }]])
  expect(doubles(runsOf(together), 'web')).toEqual([])
})
