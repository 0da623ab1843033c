import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyOf } from '../../src/core/model/objects.ts'
import { Layout } from '../../src/store/zookeeper/format.ts'
import { ZooKeeperStore } from '../../src/store/zookeeper/zookeeper-store.ts'
import { TcpGate } from './tcp-gate.ts'
import { TestZooKeeper } from './zookeeper.ts'
import {
  AMBIENT,
  aRoot,
  closeLater,
  commit,
  openClient,
  openStore,
  putLarge,
  putService,
  SESSION_MS,
  table,
  Watcher,
} from './zookeeper-bed.ts'
import { zookeeperTests } from './zookeeper-tests.ts'

zookeeperTests(() => {
  let server: TestZooKeeper

  beforeAll(async () => {
    server = await TestZooKeeper.start()
  })

  afterAll(() => server.stop())

  const EMPTY = Buffer.alloc(0)

  test.each([
    ['is not JSON', 'somebody else', 'belongs to another program'],
    ['is JSON of something else', '{"revision":4}', 'belongs to another program'],
    ['is of a newer format', '{"mark":"gantry-state","format":2}', 'written by a newer Gantry (format 2'],
    ['has lost its revision', '{"mark":"gantry-state","format":1,"storeId":"x"}', 'its head is damaged'],
  ])('a root whose head %s is refused and not touched', async (_, head, why) => {
    const root = aRoot()
    await openStore(server.host, root)
    const client = openClient(server.host)
    await client.set(`${root}/head`, Buffer.from(head), -1)
    await expect(openStore(server.host, root)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining(why),
    })
    expect(await client.get(`${root}/head`)).toMatchObject({ data: Buffer.from(head), version: 1 })
  })

  test('a root that holds something else is refused and not touched', async () => {
    const root = aRoot()
    const client = openClient(server.host)
    for (const path of ['/test', root, `${root}/brokers`]) await client.create(path, EMPTY)
    await expect(openStore(server.host, root)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining('brokers'),
    })
    expect(await client.children(root)).toEqual(['brokers'])
  })

  test('an open store refuses for good what takes the place of its state', async () => {
    const root = aRoot()
    const store = await openStore(server.host, root)
    await commit(store, [putService('a', 1)])
    const client = openClient(server.host)
    const layout = new Layout(root)
    const head = JSON.stringify({ mark: 'gantry-state', format: 1, storeId: 'another', revision: 9 })
    await client.set(layout.head, Buffer.from(head), -1)
    await expect(store.load()).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    await expect(commit(store, [putService('a', 2)])).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    expect((await client.get(layout.object('service/a')))?.data.toString()).toContain('"attemptFloor":1')
  })

  test('an open store refuses a state that went back', async () => {
    const root = aRoot()
    const store = await openStore(server.host, root)
    const client = openClient(server.host)
    const early = (await client.get(`${root}/head`))?.data ?? EMPTY
    await commit(store, [putService('a', 1)])
    await client.set(`${root}/head`, early, -1)
    await expect(store.load()).rejects.toThrow('it went back from revision 1 to 0')
  })

  test('of several servers that make the state at the same time all get the same one', async () => {
    const root = aRoot()
    const stores = await Promise.all([1, 2, 3, 4].map(() => openStore(server.host, root)))
    await Promise.all(stores.map((store, i) => commit(store, [putService(`s${i}`, i)])))
    for (const store of stores) expect((await store.load()).records).toHaveLength(4)
  })

  test('servers that write at the same time lose nothing, and all see the same order', async () => {
    const root = aRoot()
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore(server.host, root)))
    const watchers = await Promise.all(stores.map((store) => Watcher.of(store)))
    const key = keyOf('service', 'counter')
    const raise = async (store: ZooKeeperStore): Promise<void> => {
      for (;;) {
        const record = (await store.load()).records[0]
        const count = record !== undefined && 'attemptFloor' in record.value ? record.value.attemptFloor : 0
        const expected = { key, revision: record?.revision ?? 0 }
        const outcome = await commit(store, [putService('counter', count + 1)], { expect: [expected] })
        if (outcome.kind === 'committed') return
      }
    }
    await Promise.all(stores.flatMap((store) => Array.from({ length: 16 }, () => raise(store))))
    await Promise.all(watchers.map((watcher) => watcher.reached(64)))
    for (const watcher of watchers) {
      expect(watcher.state).toEqual({ [key]: [64, expect.objectContaining({ attemptFloor: 64 })] })
      expect(watcher.batches).toEqual(watchers[0]?.batches)
    }
  })

  test('a server that was away for longer than the log reaches is told everything', async () => {
    const root = aRoot()
    const gate = await TcpGate.before(server.port)
    closeLater(() => gate.close())
    const log = { entries: 16, bytes: 1_000_000 }
    const [writer, reader] = [await openStore(server.host, root, { log }), await openStore(gate.host, root)]
    const watcher = await Watcher.of(reader)
    await commit(writer, [putService('gone', 1)])
    await watcher.reached(1)
    gate.shut()
    await commit(writer, [{ delete: 'service/gone' }])
    for (let i = 3; i <= 100; i++) await commit(writer, [putService(`s${i % 7}`, i)])
    gate.open()
    await watcher.reached(100)
    expect(watcher.gaps).toBe(1)
    expect(watcher.batches.map(({ revision }) => revision)).toEqual([1])
    expect(watcher.state).toEqual(table(await writer.load()))
    await commit(reader, [putService('after', 1)])
    await watcher.reached(101)
    expect(watcher.state).toEqual(table(await writer.load()))
  })

  test('the log keeps within its bounds, by entries and by bytes', async () => {
    const [many, large] = [aRoot(), aRoot()]
    const first = await openStore(server.host, many, { log: { entries: 64, bytes: 1_000_000 } })
    for (let i = 0; i < 300; i++) await commit(first, [putService('a', i)])
    const second = await openStore(server.host, large, { log: { entries: 64, bytes: 400_000 } })
    for (let i = 0; i < 20; i++) await commit(second, [putLarge('a', 50_000)])
    await first.close()
    await second.close()
    const client = openClient(server.host)
    expect((await client.children(`${many}/log`))?.length).toBeLessThanOrEqual(64 + 8)
    expect((await client.children(`${large}/log`))?.length).toBeLessThanOrEqual(8 + 1)
    expect((await client.children(`${large}/log`))?.length).toBeGreaterThanOrEqual(6)
  })

  test('a large value reaches those who follow, although the log does not repeat it', async () => {
    const root = aRoot()
    const [writer, reader] = [await openStore(server.host, root), await openStore(server.host, root)]
    const watcher = await Watcher.of(reader)
    const write = putLarge('big', 900_000)
    expect(await commit(writer, [write, putService('a', 1)])).toMatchObject({ kind: 'committed' })
    await watcher.reached(1)
    expect(watcher.batches[0]?.changes).toEqual([
      { key: 'idempotency/big', value: 'put' in write ? write.value : null },
      expect.objectContaining({ key: 'service/a' }),
    ])
    const entry = await openClient(server.host).get(new Layout(root).entry(1))
    expect(entry?.data.length).toBeLessThan(1_000)
  })

  test('a large value that was overwritten before a follower read it is a gap, not a guess', async () => {
    const root = aRoot()
    const gate = await TcpGate.before(server.port)
    closeLater(() => gate.close())
    const [writer, reader] = [await openStore(server.host, root), await openStore(gate.host, root)]
    const watcher = await Watcher.of(reader)
    gate.shut()
    for (let i = 0; i < 3; i++) await commit(writer, [putLarge('big', 600_000)])
    gate.open()
    await watcher.reached(3)
    expect(watcher.gaps).toBe(1)
    expect(watcher.state).toEqual(table(await writer.load()))
  })

  test('a change that ZooKeeper cannot take is refused before anything is sent, and the next one is not', async () => {
    const store = await openStore(server.host, aRoot())
    await expect(commit(store, [putLarge('big', 1_000_000)])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await expect(commit(store, [putLarge('a', 600_000), putLarge('b', 600_000)])).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    })
    expect(await commit(store, [putLarge('fits', 990_000)])).toEqual({ kind: 'committed', revision: 1 })
  })

  test('commits that are large together land in as many transactions as it takes', async () => {
    const store = await openStore(server.host, aRoot())
    const sizes = [300_000, 300_000, 300_000, 700_000, 10, 990_000, 250_000, 250_000]
    const outcomes = await Promise.all(sizes.map((bytes, i) => commit(store, [putLarge(`v${i}`, bytes)])))
    expect(outcomes.map((outcome) => outcome.kind === 'committed' && outcome.revision)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ])
  })

  test('a root with a password is closed to those who do not have it', async () => {
    const root = aRoot()
    const owner = await openStore(server.host, root, { auth: 'gantry:secret' })
    await commit(owner, [putService('a', 1)])
    for (const auth of [null, 'gantry:guess']) {
      const refused = openStore(server.host, root, { auth })
      await expect(refused).rejects.toMatchObject({ code: 'PREREQUISITE' })
      await expect(refused).rejects.not.toThrow('guess')
    }
    const again = await openStore(server.host, root, { auth: 'gantry:secret' })
    expect((await again.load()).revision).toBe(1)
  })

  test.each(['gantry', '/', '/a/', '/a//b', '/..', '/zookeeper/x', '/a b'])('the root %s is refused', async (root) => {
    const opening = ZooKeeperStore.open({ hosts: [server.host], sessionTimeoutMs: SESSION_MS, root, ...AMBIENT })
    await expect(opening).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  test('candidates stand below the session path, and clusters that share it do not disturb each other', async () => {
    const sessionPath = `${aRoot()}/sessions`
    const [one, two] = [aRoot(), aRoot()]
    const first = await openStore(server.host, one, { sessionPath })
    const lease = await first.campaign('first', new AbortController().signal)
    const other = await openStore(server.host, two, { sessionPath })
    await (await other.campaign('other', new AbortController().signal)).release()
    expect(await openClient(server.host).children(`${sessionPath}${one}`)).toHaveLength(1)
    const second = await openStore(server.host, one, { sessionPath })
    const next = second.campaign('second', new AbortController().signal)
    await lease.release()
    expect((await next).lost.aborted).toBe(false)
  })

  test('a session path may lie below the root, but not among what is kept there', async () => {
    const root = aRoot()
    const client = openClient(server.host)
    for (const path of ['/test', root, `${root}/sessions`]) await client.create(path, EMPTY)
    const sessionPath = `${root}/sessions`
    const store = await openStore(server.host, root, { sessionPath })
    await store.campaign('a', new AbortController().signal)
    expect(await client.children(`${sessionPath}${root}`)).toHaveLength(1)
    for (const taken of [root, `${root}/log`, `${root}/objects/x`, 'sessions']) {
      const opening = openStore(server.host, root, { sessionPath: taken })
      await expect(opening).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })
})
