import { expect, test } from 'vitest'
import { aTask } from '../../test/builders.ts'
import { SILENT } from '../../test/silent-log.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import { taskId } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import { type Commit, MAX_WRITES } from '../ports/store.ts'
import { MemoryStore } from '../store/memory.ts'
import { Mirror } from '../store/mirror.ts'
import { reconcileService } from './reconcile-service.ts'
import { World } from './world.ts'

test('before tasks are forgotten it is written down which attempts are used, for they may be more than one commit takes', async () => {
  const [clock, store, commits] = [new VirtualClock({ guarded: false }), new MemoryStore(), [] as Commit[]]
  const slots = Array.from({ length: MAX_WRITES + 10 }, (_, i) => i + 1)
  for (const slot of slots) {
    const id = taskId('web', slot, 7)
    const value = aTask({
      id,
      service: 'web',
      slot,
      attempt: 7,
      desired: 'stopped',
      status: { state: 'stopped', ready: false },
    })
    await store.commit({ epoch: null, expect: [], writes: [{ put: keyOf('task', id), value }], events: [] })
  }
  const noting = {
    commit: (commit: Commit) => {
      commits.push(commit)
      return store.commit(commit)
    },
  }
  const world = new World(await Mirror.open(store), clock)
  const deps = { store: Object.assign(Object.create(store), noting), world, clock, log: SILENT, epoch: 0, level: 1 }
  await reconcileService('web', deps, new Map())
  expect(commits[0]?.writes[0]).toMatchObject({ put: 'service/web', value: { attemptFloor: 7 } })
  expect(commits[0]?.writes.filter((write) => 'delete' in write).length).toBe(MAX_WRITES - 1)
})

test('a pause counts from when this server saw the end, whatever the clock of whoever led then', async () => {
  const [clock, store] = [new VirtualClock({ guarded: false }), new MemoryStore()]
  const write = (slot: number): Promise<unknown> => {
    const id = taskId('web', slot, 1)
    const ended = { state: 'failed', ready: false, finishedAt: 1 } as const
    const value = aTask({ id, service: 'web', slot, endedAt: clock.now() - 3_600_000, status: ended })
    return store.commit({ epoch: null, expect: [], writes: [{ put: keyOf('task', id), value }], events: [] })
  }
  await write(1)
  await clock.runUntil(clock.now() + 500, () => true)
  const began = clock.now()
  const world = new World(await Mirror.open(store), clock)
  await clock.runUntil(clock.now() + 500, () => true)
  await write(2)
  expect([1, 2].map((slot) => world.endSeenAt(taskId('web', slot, 1)))).toEqual([began, clock.now()])
})
