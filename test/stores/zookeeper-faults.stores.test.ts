import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyOf } from '../../src/core/model/objects.ts'
import type { CommitOutcome, Store } from '../../src/ports/store.ts'
import { TcpGate } from './tcp-gate.ts'
import { TestZooKeeper } from './zookeeper.ts'
import { aRoot, closeLater, commit, openStore, putService, SESSION_MS, table, Watcher } from './zookeeper-bed.ts'
import { zookeeperTests } from './zookeeper-tests.ts'

zookeeperTests(() => {
  const never = new AbortController().signal
  let server: TestZooKeeper

  beforeAll(async () => {
    server = await TestZooKeeper.start()
  })

  afterAll(() => server.stop())

  async function gated(): Promise<TcpGate> {
    const gate = await TcpGate.before(server.port)
    closeLater(() => gate.close())
    return gate
  }

  function once(signal: AbortSignal): Promise<number> {
    if (signal.aborted) return Promise.resolve(performance.now())
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(performance.now()), { once: true }))
  }

  /** Writes until it is acknowledged, reading after every lost answer, as callers must. Returns how often one was lost. */
  async function writeSurely(store: Store, id: string): Promise<number> {
    for (let lost = 0; ; lost++) {
      const outcome = await commit(store, [putService(id, 1)], {
        expect: [{ key: keyOf('service', id), revision: 0 }],
      }).catch(() => null)
      if (outcome?.kind === 'committed') return lost
      if (outcome?.kind === 'conflict') return lost
      if (outcome === null) await pause(20)
    }
  }

  test('1,000 acknowledged writes survive that the ZooKeeper server is killed among them', async () => {
    const root = aRoot()
    const store = await openStore(server.host, root)
    const watcher = await Watcher.of(store)
    const ids = Array.from({ length: 1_000 }, (_, i) => `s${i}`)
    let killed: Promise<void> = Promise.resolve()
    const write = async (worker: number): Promise<void> => {
      for (const [index, id] of ids.entries()) {
        if (index % 4 !== worker) continue
        await writeSurely(store, id)
        if (index === 500) killed = server.kill().then(() => server.launch())
      }
    }
    await Promise.all([0, 1, 2, 3].map(write))
    await killed
    const fresh = await openStore(server.host, root)
    const whole = await fresh.load()
    expect(whole.records.map(({ key }) => key).toSorted()).toEqual(ids.map((id) => keyOf('service', id)).toSorted())
    await watcher.reached(whole.revision)
    expect(watcher.state).toEqual(table(whole))
    expect(watcher.batches.map(({ revision }) => revision)).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1))
  })

  test('a watch goes on through the death of the ZooKeeper server, each batch once', async () => {
    const root = aRoot()
    const [writer, reader] = [await openStore(server.host, root), await openStore(server.host, root)]
    const watcher = await Watcher.of(reader)
    await commit(writer, [putService('a', 1)])
    await watcher.reached(1)
    await server.kill()
    await server.launch()
    await writeSurely(writer, 'b')
    await watcher.reached(2)
    expect(watcher.batches.map(({ revision }) => revision)).toEqual([1, 2])
    expect(watcher.gaps).toBe(0)
  })

  test('a watch goes on in a new session after the old one expired, each batch once', async () => {
    const root = aRoot()
    const gate = await gated()
    const [writer, reader] = [await openStore(server.host, root), await openStore(gate.host, root)]
    const watcher = await Watcher.of(reader)
    const lease = await reader.campaign('reader', never)
    gate.shut()
    // The lease is handed on when the session of its holder has expired, and not before.
    await writer.campaign('writer', never)
    for (let i = 1; i <= 3; i++) await commit(writer, [putService('a', i)])
    expect(lease.lost.aborted).toBe(true)
    gate.open()
    await watcher.reached(3)
    expect(watcher.batches.map(({ revision }) => revision)).toEqual([1, 2, 3])
    expect(await commit(reader, [putService('b', 1)])).toEqual({ kind: 'committed', revision: 4 })
  })

  test('a lease is lost before anybody else can win it', async () => {
    const root = aRoot()
    const gate = await gated()
    const [holder, other] = [await openStore(gate.host, root), await openStore(server.host, root)]
    const lease = await holder.campaign('holder', never)
    const lost = once(lease.lost)
    const won = other.campaign('other', never).then(() => performance.now())
    await pause(SESSION_MS / 2)
    expect(lease.lost.aborted).toBe(false)
    const shutAt = performance.now()
    gate.shut()
    const [lostAt, wonAt] = await Promise.all([lost, won])
    expect(lostAt).toBeLessThan(wonAt)
    expect(lostAt - shutAt).toBeLessThan(SESSION_MS)
    gate.open()
  })

  test('a lease outlives a broken connection', async () => {
    const root = aRoot()
    const gate = await gated()
    const store = await openStore(gate.host, root)
    const lease = await store.campaign('holder', never)
    gate.cut()
    expect(await store.load()).toEqual({ revision: 0, records: [] })
    await pause(SESSION_MS)
    expect(lease.lost.aborted).toBe(false)
  })

  test('the holder of a lease that dies without a word is followed by the next', async () => {
    const root = aRoot()
    const gate = await gated()
    const [holder, other] = [await openStore(gate.host, root), await openStore(server.host, root)]
    const lease = await holder.campaign('holder', never)
    const next = other.campaign('other', never)
    gate.shut()
    gate.cut()
    expect((await next).lost.aborted).toBe(false)
    expect(lease.lost.aborted).toBe(true)
  })

  test('no call hangs while the ZooKeeper server hangs, and everything goes on after it', async () => {
    const root = aRoot()
    const store = await openStore(server.host, root)
    const lease = await store.campaign('holder', never)
    await commit(store, [putService('a', 1)])
    server.signal('SIGSTOP')
    const stoppedAt = performance.now()
    const outcomes: (CommitOutcome['kind'] | string)[] = []
    try {
      while (performance.now() - stoppedAt < 2.5 * SESSION_MS) {
        const asked = performance.now()
        outcomes.push(
          await commit(store, [putService('b', 1)]).then(
            ({ kind }) => kind,
            (error) => error.code,
          ),
        )
        expect(performance.now() - asked).toBeLessThan(1.5 * SESSION_MS)
      }
      await expect(store.load()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    } finally {
      server.signal('SIGCONT')
    }
    expect(outcomes[0]).toBe('unknown')
    expect(new Set(outcomes.slice(1))).toEqual(new Set(['UNAVAILABLE']))
    expect(lease.lost.aborted).toBe(true)
    await writeSurely(store, 'c')
    const whole = await store.load()
    expect(whole.records.filter(({ key }) => key !== 'service/b').map(({ key }) => key)).toEqual([
      'service/a',
      'service/c',
    ])
    await (await store.campaign('again', never)).release()
  })

  test('a commit whose answer was lost has landed or never will, once something was read', async () => {
    const root = aRoot()
    const gate = await gated()
    const store = await openStore(gate.host, root)
    for (let i = 1; i <= 20; i++) {
      const writing = commit(store, [putService('a', i)])
      // At once, a little later, after the answer: what is cut off differs.
      await pause(i % 4)
      gate.cut()
      const outcome = await writing.catch(() => null)
      const { revision } = await store.load()
      if (outcome?.kind === 'committed') expect(revision).toBe(outcome.revision)
      const next = await commit(store, [putService('b', i)])
      if (next.kind === 'committed') expect(next.revision).toBe(revision + 1)
    }
  })

  test('a server list with a dead server in it works, and a list of dead ones is unavailable in time', async () => {
    const root = aRoot()
    const dead = '127.0.0.1:1'
    const store = await openStore(dead, root, { hosts: [dead, server.host] })
    expect(await commit(store, [putService('a', 1)])).toMatchObject({ kind: 'committed' })
    const begun = performance.now()
    await expect(openStore(dead, root, { hosts: [dead] })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('127.0.0.1:1'),
    })
    expect(performance.now() - begun).toBeLessThan(2 * SESSION_MS)
  })
})
