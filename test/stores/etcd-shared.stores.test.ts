import { expect, test } from 'vitest'
import type { EventDraft } from '../../src/core/model/event.ts'
import type { ChangeBatch, Commit, Store, Write } from '../../src/ports/store.ts'
import { EtcdStore } from '../../src/store/etcd/etcd-store.ts'
import { etcdTests, sharedEtcd } from './etcd-tests.ts'

etcdTests(() => {
  const etcd = sharedEtcd()

  const putDesired = (revision: number): Write => ({ put: 'desired/self', value: { revision } })
  const putService = (name: string, attemptFloor: number): Write => {
    return { put: `service/${name}`, value: { name, attemptFloor, retryAt: null } }
  }
  const anEvent = (message: string): EventDraft => {
    return { kind: 'node.changed', object: 'node/1', service: null, message, by: 'test', at: 1 }
  }
  const commit = (store: Store, part: Partial<Commit>): ReturnType<Store['commit']> =>
    store.commit({ epoch: null, expect: [], writes: [], events: [], ...part })

  /** What a watch from the beginning has told; `until` resolves when it is that far. */
  function follow(store: Store): {
    readonly batches: ChangeBatch[]
    readonly until: (revision: number) => Promise<void>
  } {
    const batches: ChangeBatch[] = []
    let wake = (): void => undefined
    store.watch(
      0,
      (batch) => {
        batches.push(batch)
        wake()
      },
      () => expect.unreachable('there is no gap'),
    )
    const until = async (revision: number): Promise<void> => {
      while ((batches.at(-1)?.revision ?? 0) < revision) await new Promise<void>((resolve) => (wake = resolve))
    }
    return { batches, until }
  }

  async function openTogether(count: number): Promise<readonly EtcdStore[]> {
    const options = etcd().options()
    return Promise.all(Array.from({ length: count }, () => EtcdStore.open(options)))
  }

  async function closeAll(stores: readonly Store[]): Promise<void> {
    await Promise.all(stores.map((store) => store.close()))
  }

  test('several servers that open an empty namespace at once make one state', async () => {
    const stores = await openTogether(5)
    const outcomes = await Promise.all(stores.map((store, i) => commit(store, { writes: [putService(`s${i}`, i)] })))
    const revisions = outcomes.map((outcome) => (outcome.kind === 'committed' ? outcome.revision : 0))
    expect(revisions.toSorted()).toEqual([1, 2, 3, 4, 5])
    expect((await stores[0]?.load())?.records).toHaveLength(5)
    await closeAll(stores)
  })

  test('64 writers on four servers all get through, and every server sees the same batches', async () => {
    const stores = await openTogether(4)
    const follows = stores.map(follow)
    const outcomes = await Promise.all(
      stores.flatMap((store, s) =>
        Array.from({ length: 16 }, async (_, w) => {
          const mine: string[] = []
          for (let i = 0; i < 10; i++) {
            const writes = [putService(`s${s}-${w}`, i), ...(i % 3 === 0 ? [putDesired(i)] : [])]
            mine.push((await commit(store, { writes, events: [anEvent(`${s} ${w} ${i}`)] })).kind)
          }
          return mine
        }),
      ),
    )
    expect(new Set(outcomes.flat())).toEqual(new Set(['committed']))
    await Promise.all(follows.map(({ until }) => until(640)))
    for (const { batches } of follows) expect(batches).toEqual(follows[0]?.batches)
    expect(follows[0]?.batches.map(({ revision }) => revision)).toEqual(Array.from({ length: 640 }, (_, i) => i + 1))
    await closeAll(stores)
  })

  test('a counter raised on many servers counts every one that was acknowledged', async () => {
    const stores = await openTogether(4)
    const raise = async (store: Store): Promise<void> => {
      for (let done = 0; done < 15; ) {
        const [record] = (await store.load()).records
        const count = record !== undefined && 'revision' in record.value ? record.value.revision : 0
        const expected = [{ key: 'desired/self', revision: record?.revision ?? 0 }] as const
        if ((await commit(store, { expect: expected, writes: [putDesired(count + 1)] })).kind === 'committed') done++
      }
    }
    await Promise.all(stores.map(raise))
    expect((await stores[0]?.load())?.records).toMatchObject([{ revision: 60, value: { revision: 60 } }])
    await closeAll(stores)
  })

  test('a leader that another server has replaced is fenced, and so is all that comes with it', async () => {
    const [old, next] = (await openTogether(2)) as [EtcdStore, EtcdStore]
    const reign = (epoch: number): Write => ({
      put: 'leadership/self',
      value: { epoch, holder: 'x', address: null, since: 0 },
    })
    await commit(old, { writes: [reign(1)] })
    expect((await commit(old, { epoch: 1, writes: [putDesired(1)] })).kind).toBe('committed')
    // Neither waits for the other, so the old one does not know yet.
    const [, ...late] = await Promise.all([
      commit(next, { expect: [{ key: 'leadership/self', revision: 1 }], writes: [reign(2)] }),
      ...Array.from({ length: 40 }, (_, i) => commit(old, { epoch: 1, writes: [putService(`s${i}`, i)] })),
    ])
    const written = late.filter(({ kind }) => kind === 'committed').length
    expect(await commit(old, { epoch: 1, writes: [putDesired(9)] })).toEqual({ kind: 'fenced', epoch: 2 })
    const { records } = await next.load()
    expect(records.filter(({ key }) => key.startsWith('service/'))).toHaveLength(written)
    const taken = records.find(({ key }) => key === 'leadership/self')?.revision ?? 0
    expect(records.every(({ key, revision }) => !key.startsWith('service/') || revision < taken)).toBe(true)
    await closeAll([old, next])
  })

  test('a commit of 100 writes and 300 events is one batch on another server', async () => {
    const [here, there] = (await openTogether(2)) as [EtcdStore, EtcdStore]
    const { batches, until } = follow(there)
    const writes = Array.from({ length: 100 }, (_, i) => putService(`s${i}`, i))
    const events = Array.from({ length: 300 }, (_, i) => anEvent(`event ${i}`))
    expect(await commit(here, { writes, events })).toEqual({ kind: 'committed', revision: 1 })
    await until(1)
    expect(batches[0]?.changes.map(({ key }) => key)).toEqual([
      ...writes.map((write) => ('put' in write ? write.put : '')),
      ...events.map((_, i) => `event/0000000000000001.${String(i).padStart(3, '0')}`),
    ])
    await closeAll([here, there])
  })

  test('a change of many megabytes in one history arrives whole on another server', async () => {
    const options = etcd().options()
    const here = await EtcdStore.open(options)
    const body = 'x'.repeat(400_000)
    for (let i = 1; i <= 12; i++) {
      await commit(here, {
        writes: [0, 1].map((n) => ({
          put: `idempotency/${i}-${n}`,
          value: { requestHash: '', status: i, body, at: 0 },
        })),
      })
    }
    const there = await EtcdStore.open(options)
    const { revision } = await there.load()
    expect(revision).toBe(12)
    expect((await there.load()).records).toHaveLength(24)
    await closeAll([here, there])
  })

  test('a lease goes from one server to the next when it is released, and when the server closes', async () => {
    const [a, b, c] = (await openTogether(3)) as [EtcdStore, EtcdStore, EtcdStore]
    const never = new AbortController().signal
    const first = await a.campaign('a', never)
    const order: string[] = []
    const second = b.campaign('b', never).then((lease) => {
      order.push('b')
      return lease
    })
    await commit(b, { writes: [putDesired(1)] })
    order.push('a releases')
    await first.release()
    expect((await second).lost.aborted).toBe(false)
    const third = c.campaign('c', never).then((lease) => {
      order.push('c')
      return lease
    })
    await commit(c, { writes: [putDesired(2)] })
    order.push('b closes')
    await b.close()
    expect((await second).lost.aborted).toBe(true)
    expect((await third).lost.aborted).toBe(false)
    expect(order).toEqual(['a releases', 'b', 'b closes', 'c'])
    await closeAll([a, c])
  })

  test('a lease whose key is deleted by hand is lost', async () => {
    const options = etcd().options()
    const store = await EtcdStore.open(options)
    const lease = await store.campaign('a', new AbortController().signal)
    const lost = new Promise<void>((resolve) => lease.lost.addEventListener('abort', () => resolve()))
    await etcd().deletePrefix(`${options.namespace}/election/`)
    await lost
    expect((lease.lost.reason as Error).message).toContain('its key was deleted')
    await store.close()
  })
})
