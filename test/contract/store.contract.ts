import { afterEach, expect, test } from 'vitest'
import type { EventDraft } from '../../src/core/model/event.ts'
import type { Key } from '../../src/core/model/objects.ts'
import { DESIRED_KEY, keyOf, LEADERSHIP_KEY } from '../../src/core/model/objects.ts'
import type { ChangeBatch, Commit, Snapshot, Store, Write } from '../../src/ports/store.ts'
import { MAX_WRITES } from '../../src/ports/store.ts'
import { deepFreeze } from '../deep-freeze.ts'

/** How one implementation is put under test. */
export interface StoreUnderTest {
  readonly store: Store
  /** Removes what the store left behind; called after `store.close()`. */
  readonly dispose: () => Promise<void>
}

/**
 * Every store, real or simulated, passes this suite; that is what makes the simulated one believable. Each test gets a
 * store of its own, empty. `watch` may deliver late, so tests wait for revisions, never for time.
 */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  const opened: StoreUnderTest[] = []
  const fresh = async (): Promise<Store> => {
    const subject = await open()
    opened.push(subject)
    return subject.store
  }
  afterEach(async () => {
    for (const { store, dispose } of opened.splice(0)) {
      await store.close()
      await dispose()
    }
  })

  visibility(name, fresh)
  guards(name, fresh)
  fences(name, fresh)
  watching(name, fresh)
  leases(name, fresh)
}

type Fresh = () => Promise<Store>

function visibility(name: string, fresh: Fresh): void {
  test(`${name}: a new store is empty, at revision 0`, async () => {
    const store = await fresh()
    expect(await store.load()).toEqual({ revision: 0, records: [] })
  })

  test(`${name}: a commit is seen whole by the next load, each object with the revision that wrote it`, async () => {
    const store = await fresh()
    expect(await commit(store, [putDesired(1), putService('web', 3)])).toEqual({ kind: 'committed', revision: 1 })
    expect(await commit(store, [putDesired(2)])).toEqual({ kind: 'committed', revision: 2 })
    expect(table(await store.load())).toEqual({
      [DESIRED_KEY]: [2, { revision: 2 }],
      'service/web': [1, { name: 'web', attemptFloor: 3, retryAt: null }],
    })
  })

  test(`${name}: the revision grows by one with each commit that writes, and stays with one that does not`, async () => {
    const store = await fresh()
    const outcomes = [await commit(store, []), await commit(store, [putDesired(1)]), await commit(store, [])]
    expect(outcomes.map((outcome) => outcome.kind === 'committed' && outcome.revision)).toEqual([0, 1, 1])
    expect(await store.commit(aCommit({ events: [anEvent('a')] }))).toEqual({ kind: 'committed', revision: 2 })
  })

  test(`${name}: a deleted object is gone, and may come again`, async () => {
    const store = await fresh()
    await commit(store, [putService('web', 1)])
    await commit(store, [{ delete: keyOf('service', 'web') }])
    expect(table(await store.load())).toEqual({})
    await commit(store, [putService('web', 2)])
    expect(table(await store.load())).toEqual({ 'service/web': [3, expect.objectContaining({ attemptFloor: 2 })] })
  })

  test(`${name}: of two writes to one object in one commit the later one holds`, async () => {
    const store = await fresh()
    await commit(store, [putService('web', 1), putService('web', 2), putDesired(1), { delete: DESIRED_KEY }])
    expect(table(await store.load())).toEqual({ 'service/web': [1, expect.objectContaining({ attemptFloor: 2 })] })
  })

  test(`${name}: events become objects whose ids sort in the order of happening`, async () => {
    const store = await fresh()
    const names = Array.from({ length: 12 }, (_, i) => `event ${i}`)
    await store.commit(aCommit({ events: names.slice(0, 11).map(anEvent) }))
    for (let i = 0; i < 10; i++) await commit(store, [putDesired(i)])
    await store.commit(aCommit({ events: names.slice(11).map(anEvent) }))
    const events = (await store.load()).records.filter(({ key }) => key.startsWith('event/'))
    const sorted = events.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ value }) => value)
    expect(sorted.map((event) => 'message' in event && event.message)).toEqual(names)
    expect(sorted.at(-1)).toMatchObject({ id: '0000000000000012.000', by: 'test' })
    expect(events.every(({ key, value }) => 'id' in value && key === keyOf('event', value.id))).toBe(true)
  })

  test(`${name}: keys and values survive to the last character and digit`, async () => {
    const store = await fresh()
    const odd = 'ü 🚀 \u0000 "\\\n\u2028 日本 ﬀ e\u0301'
    const body = { n: 2 ** 53 - 1, small: 5e-324, minus: -1.5, deep: nest(60), [odd]: [odd, '', null, true, {}, []] }
    const record = { requestHash: odd, status: 200, body, at: Number.MAX_SAFE_INTEGER }
    const key = keyOf('idempotency', 'ü/🚀 %2F.."\'')
    await commit(store, [{ put: key, value: record }])
    expect(table(await store.load())).toStrictEqual({ [key]: [1, record] })
  })

  test(`${name}: a value of half a megabyte survives`, async () => {
    const store = await fresh()
    const body = 'manifest ü\n'.repeat(45_000)
    await commit(store, [{ put: keyOf('idempotency', 'big'), value: { requestHash: '', status: 1, body, at: 1 } }])
    expect((await store.load()).records[0]?.value).toMatchObject({ body })
  })

  test(`${name}: a commit takes ${MAX_WRITES} writes and no more`, async () => {
    const store = await fresh()
    const writes = Array.from({ length: MAX_WRITES + 1 }, (_, i) => putService(`s${i}`, i))
    await expect(commit(store, writes)).rejects.toThrow('101 writes')
    expect(await store.load()).toEqual({ revision: 0, records: [] })
    expect(await commit(store, writes.slice(1))).toEqual({ kind: 'committed', revision: 1 })
    expect((await store.load()).records).toHaveLength(MAX_WRITES)
  })

  test(`${name}: a closed store refuses to write`, async () => {
    const store = await fresh()
    await store.close()
    await expect(commit(store, [putDesired(1)])).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
}

function guards(name: string, fresh: Fresh): void {
  test(`${name}: a commit that expects an older revision of an object changes nothing and names it`, async () => {
    const store = await fresh()
    await commit(store, [putDesired(1), putService('web', 1)])
    await commit(store, [putService('web', 2)])
    const late = await store.commit(
      aCommit({ expect: [at(DESIRED_KEY, 1), at('service/web', 1)], writes: [putDesired(9)], events: [anEvent('no')] }),
    )
    expect(late).toEqual({ kind: 'conflict', keys: ['service/web'] })
    expect(table(await store.load())[DESIRED_KEY]).toEqual([1, { revision: 1 }])
    expect((await store.load()).revision).toBe(2)
  })

  test(`${name}: guards are per object, so changes of others do not disturb`, async () => {
    const store = await fresh()
    await commit(store, [putDesired(1)])
    await commit(store, [putService('web', 1)])
    const outcome = await store.commit(aCommit({ expect: [at(DESIRED_KEY, 1)], writes: [putDesired(2)] }))
    expect(outcome).toEqual({ kind: 'committed', revision: 3 })
  })

  test(`${name}: revision 0 expects that the object is absent, also after a deletion`, async () => {
    const store = await fresh()
    const create = (): ReturnType<Store['commit']> =>
      store.commit(aCommit({ expect: [at('service/web', 0)], writes: [putService('web', 1)] }))
    expect((await create()).kind).toBe('committed')
    expect(await create()).toEqual({ kind: 'conflict', keys: ['service/web'] })
    await commit(store, [{ delete: keyOf('service', 'web') }])
    expect((await create()).kind).toBe('committed')
  })

  test(`${name}: an object that was deleted is not what was read`, async () => {
    const store = await fresh()
    await commit(store, [putService('web', 1)])
    await commit(store, [{ delete: keyOf('service', 'web') }])
    const late = await store.commit(aCommit({ expect: [at('service/web', 1)], writes: [putService('web', 2)] }))
    expect(late).toEqual({ kind: 'conflict', keys: ['service/web'] })
  })

  test(`${name}: guards hold without writes too`, async () => {
    const store = await fresh()
    expect((await store.commit(aCommit({ expect: [at(DESIRED_KEY, 7)] }))).kind).toBe('conflict')
    expect(await store.commit(aCommit({ expect: [at(DESIRED_KEY, 0)] }))).toEqual({ kind: 'committed', revision: 0 })
  })

  test(`${name}: of many at once that read the same, exactly one lands`, async () => {
    const store = await fresh()
    await commit(store, [putDesired(0)])
    const racers = Array.from({ length: 50 }, (_, i) =>
      store.commit(aCommit({ expect: [at(DESIRED_KEY, 1)], writes: [putDesired(i + 1)] })),
    )
    const kinds = (await Promise.all(racers)).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'committed')).toHaveLength(1)
    expect(kinds.filter((kind) => kind === 'conflict')).toHaveLength(49)
    expect((await store.load()).revision).toBe(2)
  })

  test(`${name}: a counter raised by many at once counts every one that was acknowledged`, async () => {
    const store = await fresh()
    const raise = async (): Promise<void> => {
      for (;;) {
        const record = (await store.load()).records[0]
        const count = record !== undefined && 'revision' in record.value ? record.value.revision : 0
        const expected = [at(DESIRED_KEY, record?.revision ?? 0)]
        const outcome = await store.commit(aCommit({ expect: expected, writes: [putDesired(count + 1)] }))
        if (outcome.kind === 'committed') return
      }
    }
    await Promise.all(Array.from({ length: 12 }, raise))
    expect(table(await store.load())).toEqual({ [DESIRED_KEY]: [12, { revision: 12 }] })
  })
}

function fences(name: string, fresh: Fresh): void {
  test(`${name}: nobody writes as leader before somebody leads`, async () => {
    const store = await fresh()
    expect(await lead(store, 1)).toEqual({ kind: 'fenced', epoch: 0 })
  })

  test(`${name}: only the epoch of the leadership object may write, neither a lower nor a higher one`, async () => {
    const store = await fresh()
    await commit(store, [putLeadership(2)])
    expect(await lead(store, 1)).toEqual({ kind: 'fenced', epoch: 2 })
    expect(await lead(store, 3)).toEqual({ kind: 'fenced', epoch: 2 })
    expect(await lead(store, 2)).toEqual({ kind: 'committed', revision: 2 })
  })

  test(`${name}: a newer epoch locks the older one out at once, even at the right revisions`, async () => {
    const store = await fresh()
    await commit(store, [putLeadership(1)])
    const outcomes = await Promise.all([
      lead(store, 1),
      store.commit(aCommit({ expect: [at(LEADERSHIP_KEY, 1)], writes: [putLeadership(2)] })),
      lead(store, 1),
      lead(store, 2),
    ])
    expect(outcomes.map(({ kind }) => kind)).toEqual(['committed', 'committed', 'fenced', 'committed'])
  })

  test(`${name}: being fenced comes before being in conflict`, async () => {
    const store = await fresh()
    await commit(store, [putLeadership(2)])
    const late = aCommit({ epoch: 1, expect: [at(DESIRED_KEY, 9)], writes: [putDesired(1)] })
    expect(await store.commit(late)).toEqual({ kind: 'fenced', epoch: 2 })
  })

  test(`${name}: a user's write carries no epoch and is not fenced`, async () => {
    const store = await fresh()
    await commit(store, [putLeadership(2)])
    expect((await commit(store, [putDesired(1)])).kind).toBe('committed')
  })
}

function watching(name: string, fresh: Fresh): void {
  test(`${name}: a watch tells every commit once, in order, with all its changes`, async () => {
    const store = await fresh()
    const watch = follow(store, 0)
    await commit(store, [putDesired(1), putService('web', 1)])
    await commit(store, [])
    await store.commit(aCommit({ writes: [{ delete: DESIRED_KEY }], events: [anEvent('gone')] }))
    await watch.reached(2)
    expect(watch.batches.map(({ revision, changes }) => [revision, changes.map(({ key }) => key)])).toEqual([
      [1, [DESIRED_KEY, 'service/web']],
      [2, [DESIRED_KEY, 'event/0000000000000002.000']],
    ])
    expect(watch.batches[1]?.changes[0]?.value).toBeNull()
  })

  test(`${name}: a watch after a load begins where the load ended`, async () => {
    const store = await fresh()
    for (let i = 1; i <= 5; i++) await commit(store, [putDesired(i)])
    const { revision } = await store.load()
    const writing = Promise.all([6, 7, 8].map((i) => commit(store, [putDesired(i)])))
    const watch = follow(store, revision)
    await writing
    await watch.reached(8)
    expect(watch.batches.map((batch) => batch.revision)).toEqual([6, 7, 8])
  })

  test(`${name}: a watch from long ago ends up with the same state, by batches or as a whole`, async () => {
    const store = await fresh()
    await commit(store, [putService('early', 1)])
    await commit(store, [{ delete: keyOf('service', 'early') }])
    const writes = Array.from({ length: 3_000 }, (_, i) => commit(store, [putService(`s${i % 7}`, i)]))
    await Promise.all(writes)
    const watch = follow(store, 1)
    await watch.reached(3_002)
    await commit(store, [putDesired(1)])
    await watch.reached(3_003)
    expect(watch.state()).toEqual(table(await store.load()))
    expect(watch.gaps + watch.batches.length).toBeGreaterThan(0)
  })

  test(`${name}: while many write, a late watcher and an early one see the same order as the load`, async () => {
    const store = await fresh()
    const early = follow(store, 0)
    const writers = Array.from({ length: 8 }, async (_, w) => {
      for (let i = 0; i < 25; i++) await commit(store, [putService(`s${w}`, i), putDesired(w * 100 + i)])
    })
    await writers[0]
    const { revision } = await store.load()
    const late = follow(store, revision)
    await Promise.all(writers)
    await Promise.all([early.reached(200), late.reached(200)])
    expect(early.batches.map((batch) => batch.revision)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
    expect(late.batches).toEqual(early.batches.slice(revision))
    expect(early.state()).toEqual(table(await store.load()))
  })

  test(`${name}: a watch that has ended tells nothing more, also when ended from within`, async () => {
    const store = await fresh()
    const other = follow(store, 0)
    const seen: number[] = []
    const end = store.watch(
      0,
      ({ revision }) => {
        seen.push(revision)
        if (revision === 2) end()
      },
      () => undefined,
    )
    for (let i = 1; i <= 4; i++) await commit(store, [putDesired(i)])
    await other.reached(4)
    expect(seen).toEqual([1, 2])
  })

  test(`${name}: a watcher that commits from within its call sees its own commit after the present one`, async () => {
    const store = await fresh()
    const answers: Promise<unknown>[] = []
    const first = follow(store, 0, (batch) => {
      if (batch.revision < 3) answers.push(commit(store, [putDesired(batch.revision)]))
    })
    const second = follow(store, 0)
    await commit(store, [putDesired(0)])
    await Promise.all([first.reached(3), second.reached(3)])
    await Promise.all(answers)
    expect(first.batches.map((batch) => batch.revision)).toEqual([1, 2, 3])
    expect(second.batches).toEqual(first.batches)
  })
}

function leases(name: string, fresh: Fresh): void {
  const never = new AbortController().signal

  test(`${name}: a lease has one holder at a time and is handed on when released`, async () => {
    const store = await fresh()
    const first = await store.campaign('a', never)
    const order: string[] = []
    const second = store.campaign('b', never).then((lease) => {
      order.push('b')
      return lease
    })
    await commit(store, [putDesired(1)])
    order.push('a releases')
    await first.release()
    const lease = await second
    expect(order).toEqual(['a releases', 'b'])
    expect(lease.lost.aborted).toBe(false)
  })

  test(`${name}: a released lease can be won again, and releasing twice takes nothing from the next holder`, async () => {
    const store = await fresh()
    const first = await store.campaign('a', never)
    await Promise.all([first.release(), first.release()])
    const second = await store.campaign('b', never)
    await first.release()
    const aborting = new AbortController()
    const third = store.campaign('c', aborting.signal)
    await commit(store, [putDesired(1)])
    aborting.abort(new Error('c gives up'))
    await expect(third).rejects.toThrow('c gives up')
    await second.release()
  })

  test(`${name}: a campaign that is called off rejects with the reason and leaves the queue to the others`, async () => {
    const store = await fresh()
    const first = await store.campaign('a', never)
    const aborting = new AbortController()
    const given = store.campaign('b', aborting.signal)
    const patient = store.campaign('c', never)
    aborting.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    await first.release()
    expect((await patient).lost.aborted).toBe(false)
  })

  test(`${name}: a campaign with a signal that aborted before rejects at once`, async () => {
    const store = await fresh()
    await expect(store.campaign('a', AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
    await (await store.campaign('b', never)).release()
  })

  test(`${name}: closing the store takes the lease away`, async () => {
    const store = await fresh()
    const lease = await store.campaign('a', never)
    await store.close()
    expect(lease.lost.aborted).toBe(true)
  })
}

function aCommit(part: Partial<Commit>): Commit {
  return deepFreeze({ epoch: null, expect: [], writes: [], events: [], ...part })
}

function commit(store: Store, writes: readonly Write[]): ReturnType<Store['commit']> {
  return store.commit(aCommit({ writes }))
}

function lead(store: Store, epoch: number): ReturnType<Store['commit']> {
  return store.commit(aCommit({ epoch, writes: [putService('web', epoch)] }))
}

function at(key: Key, revision: number): Commit['expect'][number] {
  return { key, revision }
}

function putDesired(revision: number): Write {
  return { put: DESIRED_KEY, value: { revision } }
}

function putService(name: string, attemptFloor: number): Write {
  return { put: keyOf('service', name), value: { name, attemptFloor, retryAt: null } }
}

function putLeadership(epoch: number): Write {
  return { put: LEADERSHIP_KEY, value: { epoch, holder: 'test', address: null, since: 0 } }
}

function anEvent(message: string): EventDraft {
  return { kind: 'node.changed', object: 'node/1', service: null, message, by: 'test', at: 1 }
}

function nest(depth: number): unknown {
  return depth === 0 ? 'bottom' : { down: [nest(depth - 1)] }
}

/** Key to revision and value: what a snapshot says, whatever order its records come in. */
function table(snapshot: Snapshot): Record<string, [number, unknown]> {
  return Object.fromEntries(snapshot.records.map(({ key, revision, value }) => [key, [revision, value]]))
}

interface Following {
  readonly batches: readonly ChangeBatch[]
  readonly gaps: number
  /** What somebody knows who has only watched. */
  state(): Record<string, [number, unknown]>
  reached(revision: number): Promise<void>
}

function follow(store: Store, after: number, onBatch: (batch: ChangeBatch) => void = () => undefined): Following {
  const batches: ChangeBatch[] = []
  const waiting: { readonly revision: number; readonly resolve: () => void }[] = []
  let state = new Map<string, [number, unknown]>()
  let gaps = 0
  let revision = after
  const arrive = (now: number): void => {
    revision = now
    for (const waiter of waiting) if (waiter.revision <= now) waiter.resolve()
  }
  store.watch(
    after,
    (batch) => {
      expect(batch.revision).toBe(revision + 1)
      batches.push(batch)
      for (const { key, value } of batch.changes) {
        if (value === null) state.delete(key)
        else state.set(key, [batch.revision, value])
      }
      arrive(batch.revision)
      onBatch(batch)
    },
    (whole) => {
      gaps++
      state = new Map(Object.entries(table(whole)))
      arrive(whole.revision)
    },
  )
  return {
    batches,
    get gaps() {
      return gaps
    },
    state: () => Object.fromEntries(state),
    reached: (wanted) =>
      wanted <= revision ? Promise.resolve() : new Promise((resolve) => waiting.push({ revision: wanted, resolve })),
  }
}
