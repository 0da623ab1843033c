import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ChangeBatch, Snapshot, Store, Write } from '../../src/ports/store.ts'
import { EtcdStore } from '../../src/store/etcd/etcd-store.ts'
import { afterPrefix } from '../../src/store/etcd/layout.ts'
import { freePort } from '../free-port.ts'
import { base64, TestEtcd } from './etcd.ts'
import { etcdTests } from './etcd-tests.ts'

etcdTests(() => {
  let etcd: TestEtcd

  beforeEach(async () => {
    etcd = await TestEtcd.start()
  })

  afterEach(() => etcd.stop())

  const putService = (name: string, attemptFloor: number): Write => {
    return { put: `service/${name}`, value: { name, attemptFloor, retryAt: null } }
  }
  const commit = (store: Store, writes: readonly Write[]): ReturnType<Store['commit']> =>
    store.commit({ epoch: null, expect: [], writes, events: [] })
  /** What became of it in one word. */
  const said = (store: Store, writes: readonly Write[]): Promise<string> =>
    commit(store, writes).then(
      ({ kind }) => kind,
      (error: { code: string }) => error.code,
    )

  /** A watch from now on, and the means to wait until it is so far. */
  function follow(store: Store): {
    readonly batches: ChangeBatch[]
    readonly wholes: Snapshot[]
    readonly until: (revision: number) => Promise<void>
  } {
    const batches: ChangeBatch[] = []
    const wholes: Snapshot[] = []
    let revision = 0
    let wake = (): void => undefined
    const arrive = (now: number): void => {
      revision = now
      wake()
    }
    store.watch(
      0,
      (batch) => {
        batches.push(batch)
        arrive(batch.revision)
      },
      (whole) => {
        wholes.push(whole)
        arrive(whole.revision)
      },
    )
    const until = async (wanted: number): Promise<void> => {
      while (revision < wanted) await new Promise<void>((resolve) => (wake = resolve))
    }
    return { batches, wholes, until }
  }

  test('a watch goes on without a gap or a repetition when etcd was killed and started again', async () => {
    const options = etcd.options()
    const [writer, reader] = [await EtcdStore.open(options), await EtcdStore.open(options)]
    const { batches, wholes, until } = follow(reader)
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5; i++) expect(await said(writer, [putService(`s${i}`, round)])).toBe('committed')
      await etcd.signal('SIGKILL')
      await etcd.run()
    }
    expect(await said(writer, [putService('last', 1)])).toBe('committed')
    await until(16)
    expect(batches.map(({ revision }) => revision)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1))
    expect(wholes).toEqual([])
    await writer.close()
    await reader.close()
  })

  test('a watcher that was away while the history was compacted gets the whole state and goes on', async () => {
    const options = etcd.options()
    const [writer, reader] = [await EtcdStore.open(options), await EtcdStore.open(options)]
    const { batches, wholes, until } = follow(reader)
    await commit(writer, [putService('a', 1), putService('gone', 1)])
    await until(1)
    await etcd.signal('SIGKILL')
    await etcd.run()
    // The reader may come back at any of these points: it must end up right in each case.
    const direct = await EtcdStore.open(options)
    await commit(direct, [putService('a', 2), { delete: 'service/gone' }])
    await etcd.compact()
    await commit(direct, [putService('b', 3)])
    await until(3)
    const state = new Map<string, unknown>()
    for (const { changes } of batches) for (const { key, value } of changes) state.set(key, value)
    for (const { records } of wholes) {
      state.clear()
      for (const { key, value } of records) state.set(key, value)
    }
    if (wholes.length > 0) for (const { key, value } of batches.at(-1)?.changes ?? []) state.set(key, value)
    expect(Object.fromEntries([...state].filter(([, value]) => value !== null))).toMatchObject({
      'service/a': { attemptFloor: 2 },
      'service/b': { attemptFloor: 3 },
    })
    expect(await said(reader, [putService('c', 1)])).toBe('committed')
    await Promise.all([writer, reader, direct].map((store) => store.close()))
  })

  test('a watch from before a compaction begins with the whole state', async () => {
    const options = etcd.options()
    const writer = await EtcdStore.open(options)
    for (let i = 1; i <= 4; i++) await commit(writer, [putService('a', i)])
    await etcd.compact()
    const reader = await EtcdStore.open(options)
    const { batches, wholes, until } = follow(reader)
    await until(4)
    await commit(writer, [putService('a', 5)])
    await until(5)
    expect(wholes.map(({ revision }) => revision)).toEqual([4])
    expect(batches.map(({ revision }) => revision)).toEqual([5])
    await writer.close()
    await reader.close()
  })

  test('while etcd is stopped in its tracks commits are answered in time and the lease is lost before it ends', async () => {
    const store = await etcd.open({ requestTimeoutMs: 1_500, leaseTtlSeconds: 9 })
    expect(await said(store, [putService('a', 1)])).toBe('committed')
    const lease = await store.campaign('a', new AbortController().signal)
    const lost = once(lease.lost, 'abort')
    const stoppedAt = performance.now()
    await etcd.signal('SIGSTOP')
    const answers = await Promise.all(
      Array.from({ length: 5 }, async (_, i) => ({ i, said: await said(store, [putService('a', 10 + i)]) })),
    )
    expect(performance.now() - stoppedAt).toBeLessThan(7_500)
    expect(answers.every(({ said: word }) => word === 'unknown' || word === 'UNAVAILABLE')).toBe(true)
    expect(answers.some(({ said: word }) => word === 'unknown')).toBe(true)
    await lost
    expect(performance.now() - stoppedAt).toBeLessThan(9_000)
    await etcd.signal('SIGCONT')
    // The one of unknown outcome may have landed; whatever is there now, the next commit follows it.
    const { revision } = await store.load()
    const next = await commit(store, [putService('b', 1)])
    expect(next.kind === 'committed' && next.revision > revision).toBe(true)
    await store.close()
  })

  test('a lease that could not be given back while etcd was gone is given back before the next one is waited for', async () => {
    const store = await etcd.open({ requestTimeoutMs: 1_500, leaseTtlSeconds: 60 })
    const never = new AbortController().signal
    const lease = await store.campaign('a', never)
    await etcd.signal('SIGKILL')
    await lease.release()
    await etcd.run()
    const began = performance.now()
    const next = await store.campaign('a', never)
    // Far less than the minute for which etcd would keep the first one.
    expect(performance.now() - began).toBeLessThan(20_000)
    expect(next.lost.aborted).toBe(false)
    await next.release()
    await store.close()
  })

  test('the lease is renewed as often as was asked for', async () => {
    const options = etcd.options({ leaseTtlSeconds: 60, renewIntervalMs: 100 })
    const store = await EtcdStore.open(options)
    const lease = await store.campaign('a', new AbortController().signal)
    const election = `${options.namespace}/election/`
    const range = { key: base64(election), range_end: base64(afterPrefix(election)), keys_only: true }
    const { kvs } = (await etcd.call('kv/range', range)) as { kvs: readonly { key: string }[] }
    const id = Buffer.from(kvs[0]?.key ?? '', 'base64')
      .toString('utf8')
      .slice(election.length)
    // Without the wish the first renewal would be due after 20 s, and 54 s would be left.
    await pause(6_000)
    const { TTL } = await etcd.call('lease/timetolive', { ID: BigInt(`0x${id}`).toString() })
    expect(Number(TTL)).toBeGreaterThan(55)
    await lease.release()
    await store.close()
  })

  test('an acknowledged commit is never lost when etcd is killed again and again', async () => {
    const store = await etcd.open({ requestTimeoutMs: 8_000 })
    const acknowledged = new Set<number>()
    const doubtful = new Set<number>()
    let next = 0
    const write = async (): Promise<void> => {
      while (acknowledged.size < 1_000) {
        const n = next++
        const word = await said(store, [putService(`n${n}`, n), putService('shared', n)])
        if (word === 'committed') acknowledged.add(n)
        else if (word === 'unknown') doubtful.add(n)
      }
    }
    const writers = Promise.all(Array.from({ length: 16 }, write))
    for (let kill = 1; kill <= 4; kill++) {
      while (acknowledged.size < kill * 200) await new Promise((resolve) => setImmediate(resolve))
      await etcd.signal('SIGKILL')
      await etcd.run()
    }
    await writers
    const { records, revision } = await store.load()
    const there = new Set(records.map(({ key }) => Number(key.slice('service/n'.length))))
    expect([...acknowledged].filter((n) => !there.has(n))).toEqual([])
    // Nothing landed twice: each commit that is there made one revision.
    expect(records.filter(({ key }) => key !== 'service/shared')).toHaveLength(revision)
    expect(revision).toBeLessThanOrEqual(acknowledged.size + doubtful.size)
    await store.close()
  })

  test('a commit whose answer was lost is found to have landed when etcd comes back in time', async () => {
    const store = await etcd.open({ requestTimeoutMs: 60_000 })
    await commit(store, [putService('a', 1)])
    const words: string[] = []
    for (let round = 0; round < 5; round++) {
      const burst = Array.from({ length: 20 }, (_, i) => said(store, [putService(`a${i}`, round)]))
      await etcd.signal('SIGKILL')
      await etcd.run()
      words.push(...(await Promise.all(burst)))
    }
    expect(new Set(words)).toEqual(new Set(['committed']))
    expect((await store.load()).revision).toBe(101)
    await store.close()
  })

  test('with nobody at the endpoint opening fails in time and says why', async () => {
    const options = etcd.options({ endpoints: [`127.0.0.1:${await freePort()}`], requestTimeoutMs: 700 })
    const startedAt = performance.now()
    await expect(EtcdStore.open(options)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('connection refused'),
    })
    expect(performance.now() - startedAt).toBeLessThan(3_500)
  })

  test('one dead endpoint among several does not matter', async () => {
    const store = await etcd.open({
      endpoints: [`127.0.0.1:${await freePort()}`, etcd.address],
      requestTimeoutMs: 20_000,
    })
    expect(await said(store, [putService('a', 1)])).toBe('committed')
    await store.close()
  })

  test('what is written while etcd is gone is refused as unavailable, and nothing of it comes later', async () => {
    const store = await etcd.open({ requestTimeoutMs: 2_000 })
    await commit(store, [putService('a', 1)])
    await etcd.signal('SIGKILL')
    const words = [await said(store, [putService('b', 1)]), await said(store, [putService('c', 1)])]
    expect(words.at(-1)).toBe('UNAVAILABLE')
    await expect(store.load()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await etcd.run()
    while ((await said(store, [putService('d', 1)])) !== 'committed');
    const keys = (await store.load()).records.map(({ key }) => key)
    expect(keys).not.toContain('service/c')
    await store.close()
  })
})
