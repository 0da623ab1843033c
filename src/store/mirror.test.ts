import { expect, test } from 'vitest'
import { aTask } from '../../test/builders.ts'
import { DESIRED_KEY, keyOf } from '../core/model/objects.ts'
import type { Task } from '../core/model/task.ts'
import type { ChangeBatch, Snapshot, Store, Write } from '../ports/store.ts'
import { MemoryStore } from './memory.ts'
import { Mirror } from './mirror.ts'

const aCommit = { epoch: null, expect: [], writes: [], events: [] }
const put = (store: Store, ...writes: Write[]): ReturnType<Store['commit']> => store.commit({ ...aCommit, writes })
const putTask = (task: Task): Write => ({ put: keyOf('task', task.id), value: task })
const putDesired = (revision: number): Write => ({ put: DESIRED_KEY, value: { revision } })
const ids = (records: Iterable<{ readonly value: Task }>): string[] => [...records].map(({ value }) => value.id)

test('a mirror holds what was there before it opened and what came after', async () => {
  const store = new MemoryStore()
  await put(store, putDesired(1))
  const mirror = await Mirror.open(store)
  expect([mirror.revision, mirror.get(DESIRED_KEY)]).toEqual([
    1,
    { key: DESIRED_KEY, value: { revision: 1 }, revision: 1 },
  ])
  await put(store, putDesired(2))
  await mirror.waitFor(2)
  expect(mirror.get(DESIRED_KEY)).toEqual({ key: DESIRED_KEY, value: { revision: 2 }, revision: 2 })
  await put(store, { delete: DESIRED_KEY })
  await mirror.waitFor(3)
  expect(mirror.get(DESIRED_KEY)).toBeNull()
})

test('kinds are listed apart, in the order of their keys, whole or by prefix', async () => {
  const store = new MemoryStore()
  const mirror = await Mirror.open(store)
  const services = ['b', 'a', 'c', 'ab'].map((name): Write => {
    return { put: keyOf('service', name), value: { name, attemptFloor: 0, retryAt: null } }
  })
  await put(store, ...services, putDesired(1))
  await mirror.waitFor(1)
  expect(mirror.list('service').map(({ value }) => value.name)).toEqual(['a', 'ab', 'b', 'c'])
  expect(mirror.listPrefix('service', 'a').map(({ value }) => value.name)).toEqual(['a', 'ab'])
  expect(mirror.listPrefix('service', 'z')).toEqual([])
  expect([mirror.count('service'), mirror.count('node')]).toEqual([4, 0])
})

test('specs are found by their manifest revision, and 1 is not 10', async () => {
  const store = new MemoryStore()
  const mirror = await Mirror.open(store)
  const { spec } = aTask()
  await put(store, { put: 'spec/1/web', value: spec }, { put: 'spec/10/web', value: spec })
  await mirror.waitFor(1)
  expect(mirror.specsOf(1).map(({ key }) => key)).toEqual(['spec/1/web'])
})

test('tasks are found by service and by node, through assignment and removal', async () => {
  const store = new MemoryStore()
  const mirror = await Mirror.open(store)
  const pending = { ...aTask(), id: 'web.1.1', service: 'web', node: null }
  await put(store, putTask(pending), putTask({ ...pending, id: 'db.1.1', service: 'db', node: 2 }))
  await mirror.waitFor(1)
  expect([ids(mirror.tasksOf('web')), ids(mirror.tasksOn(2))]).toEqual([['web.1.1'], ['db.1.1']])
  await put(store, putTask({ ...pending, node: 2 }))
  await mirror.waitFor(2)
  expect(ids(mirror.tasksOn(2))).toEqual(['db.1.1', 'web.1.1'])
  await put(store, { delete: 'task/db.1.1' })
  await mirror.waitFor(3)
  expect([ids(mirror.tasksOf('db')), ids(mirror.tasksOn(2))]).toEqual([[], ['web.1.1']])
})

test('a listener is called after each batch was taken in, until it ends', async () => {
  const store = new MemoryStore()
  const mirror = await Mirror.open(store)
  const seen: unknown[] = []
  const end = mirror.onChange((batch) => seen.push([batch.revision, mirror.get(DESIRED_KEY)?.value.revision]))
  await put(store, putDesired(7))
  end()
  await put(store, putDesired(8))
  expect(seen).toEqual([[1, 7]])
})

test('who waits for a revision goes on when it can be read, and is told when that will never be', async () => {
  const store = new MemoryStore()
  const mirror = await Mirror.open(store)
  const waiting = mirror.waitFor(2)
  const lost = mirror.waitFor(3)
  await put(store, putDesired(1))
  await put(store, putDesired(2))
  await waiting
  expect(mirror.revision).toBe(2)
  mirror.close()
  await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(mirror.waitFor(3)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await put(store, putDesired(3))
  expect(mirror.get(DESIRED_KEY)?.value.revision).toBe(2)
})

/** A store whose watch is in the hands of the test, as a backend's may misbehave. */
class ScriptedStore extends MemoryStore {
  send: (batch: ChangeBatch) => void = () => undefined
  replace: (whole: Snapshot) => void = () => undefined
  override watch(_after: number, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    this.send = onBatch
    this.replace = onGap
    return () => undefined
  }
}

test('a mirror refuses to go back, to hear the same twice, and to skip', async () => {
  const store = new ScriptedStore()
  const mirror = await Mirror.open(store)
  const batch = (revision: number): ChangeBatch => ({ revision, changes: [{ key: DESIRED_KEY, value: { revision } }] })
  store.send(batch(1))
  store.send(batch(2))
  for (const revision of [1, 2, 4]) expect(() => store.send(batch(revision))).toThrow('to a mirror at 2')
  expect(() => store.replace({ revision: 1, records: [] })).toThrow('went back')
  expect(mirror.get(DESIRED_KEY)?.value.revision).toBe(2)
})

test('after a gap the mirror tells what amounts to the change, and knows the true revisions', async () => {
  const store = new ScriptedStore()
  await put(store, putDesired(1), putTask(aTask()))
  const mirror = await Mirror.open(store)
  const seen: ChangeBatch[] = []
  mirror.onChange((batch) => seen.push(batch))
  const service = { name: 'web', attemptFloor: 0, retryAt: null }
  store.replace({
    revision: 9,
    records: [
      { key: DESIRED_KEY, value: { revision: 1 }, revision: 1 },
      { key: 'service/web', value: service, revision: 5 },
    ],
  })
  expect(seen).toEqual([
    {
      revision: 9,
      changes: [
        { key: `task/${aTask().id}`, value: null },
        { key: 'service/web', value: service },
      ],
    },
  ])
  expect([mirror.revision, mirror.get('service/web')?.revision, mirror.list('task')]).toEqual([9, 5, []])
})
