import { expect, test } from 'vitest'
import { aContainer, aService, aTask } from '../../../test/builders.ts'
import type { Task } from '../model/task.ts'
import { endedBy, renewable, renewEvery, stopsAt } from './lease.ts'

const leased = (leaseMs: number, change: Partial<Task> = {}, stopGraceMs = 10_000): Task =>
  aTask({ spec: aService({ exclusive: true, leaseMs, container: aContainer({ stopGraceMs }) }), ...change } as never)

test('an agent asks six times within its shortest lease, and not for what is to stop', () => {
  expect(renewEvery([leased(60_000), leased(30_000), aTask()])).toBe(5_000)
  expect(renewEvery([leased(30_000, { desired: 'stopped' }), aTask()])).toBeNull()
})

test('a task is asked to stop early enough for its grace, but never before half of its lease', () => {
  expect(stopsAt(leased(30_000), 100_000)).toBe(89_000)
  expect(stopsAt(leased(30_000, {}, 60_000), 100_000)).toBe(85_000)
})

test('its leader counts on its end only later than any watchdog has killed it', () => {
  expect(endedBy(leased(30_000), 100_000)).toBe(135_300)
  expect(endedBy(aTask(), 100_000)).toBeNull()
})

test('what is given up, has ended, or is to stop is not renewed', () => {
  const [goesOn, released] = [leased(30_000, { id: 'db.1.1' }), leased(30_000, { id: 'db.1.2' })]
  const stopping = leased(30_000, { id: 'db.1.3', desired: 'stopped' })
  expect(renewable([goesOn, released, stopping, aTask({ id: 'web.1.1' })], new Set(['db.1.2']))).toEqual(['db.1.1'])
})
