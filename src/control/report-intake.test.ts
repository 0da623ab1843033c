import { expect, test } from 'vitest'
import { aTask } from '../../test/builders.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import { taskId } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import { MemoryStore } from '../store/memory.ts'
import { Mirror } from '../store/mirror.ts'
import type { PassDeps } from './pass.ts'
import { ReportIntake } from './report-intake.ts'
import { World } from './world.ts'

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

interface Bed {
  readonly clock: VirtualClock
  report(slot: number): void
  /** Runs the pass; when it wants to run again, in milliseconds from now. */
  pass(): Promise<number | null>
  running(): number
}

async function bedWith(tasks: number): Promise<Bed> {
  const [clock, store, intake] = [new VirtualClock({ guarded: false }), new MemoryStore(), new ReportIntake()]
  const all = Array.from({ length: tasks }, (_, i) =>
    aTask({ id: taskId('web', i + 1, 1), slot: i + 1, node: 1, status: { ...aTask().status, state: 'assigned' } }),
  )
  for (let from = 0; from < tasks; from += 100) {
    const writes = all.slice(from, from + 100).map((task) => ({ put: keyOf('task', task.id), value: task }) as const)
    await store.commit({ epoch: null, expect: [], writes, events: [] })
  }
  const world = new World(await Mirror.open(store), clock)
  const deps: PassDeps = { store, world, clock, log: SILENT, epoch: 0, level: 1 }
  return {
    clock,
    report: (slot) => {
      const status = { ...aTask().status, state: 'running' } as const
      intake.inbox.set(taskId('web', slot, 1), { node: 1, status })
    },
    pass: async () => {
      const again = await intake.pass(deps)
      return again === null ? null : again - clock.now()
    },
    running: () => world.tasks().filter(({ status }) => status.state === 'running').length,
  }
}

test('in a large cluster the first report is taken in at once, and those after it together', async () => {
  const { report, pass, running, clock } = await bedWith(1_000)
  report(1)
  expect([await pass(), running()]).toEqual([null, 1])
  report(2)
  report(3)
  expect([await pass(), running()]).toEqual([200, 1])
  await clock.runUntil(clock.now() + 200, () => true)
  expect([await pass(), running()]).toEqual([null, 3])
})

test('more than one commit takes go on without a pause', async () => {
  const { report, pass, running } = await bedWith(1_000)
  for (let slot = 1; slot <= 150; slot++) report(slot)
  expect(await pass()).toBe(0)
  expect(running()).toBeLessThan(150)
  expect([await pass(), running()]).toEqual([null, 150])
})

test('in a small cluster no report waits', async () => {
  const { report, pass, running } = await bedWith(4)
  for (const slot of [1, 2, 3]) {
    report(slot)
    expect([await pass(), running()]).toEqual([null, slot])
  }
})
