import { systemClock } from '../src/drivers/clock.ts'
import { systemRng } from '../src/drivers/rng.ts'
import type { Store } from '../src/ports/store.ts'
import { EtcdConnection } from '../src/store/etcd/connection.ts'
import { TXN } from '../src/store/etcd/methods.ts'
import { Client } from '../src/store/zookeeper/client.ts'
import { parseEndpoint } from '../src/store/zookeeper/endpoint.ts'
import { unreachable } from '../src/store/zookeeper/failures.ts'
import { Session } from '../src/store/zookeeper/session.ts'
import { ZooKeeperStore } from '../src/store/zookeeper/zookeeper-store.ts'
import { TestEtcd } from '../test/stores/etcd.ts'
import { TestZooKeeper } from '../test/stores/zookeeper.ts'
import type { BenchResult } from './frame.ts'
import { contend } from './frame.ts'
import { aName, aValue, bareSqlite, commitFrom, sqliteCommits, writeFrom } from './store-load.ts'

/** Writers at once, and how often each writes: a second or so. */
const LOADS = [
  { writers: 1, times: 1_000 },
  { writers: 16, times: 250 },
  { writers: 64, times: 150 },
] as const
const SESSION_MS = 10_000

const ambient = { clock: systemClock(), rng: systemRng() }

/** Writes one object without any guard; resolves when it is durable. */
type RawWrite = (writer: number, n: number) => Promise<unknown>

/** Every store with 1, 16 and 64 writers, against writes without any guard, as many in flight, to the same server. */
export async function run(): Promise<readonly BenchResult[]> {
  // 64 writers on SQLite have a bench of their own.
  const results: BenchResult[] = []
  for (const { writers, times } of LOADS.slice(0, 2)) {
    results.push(
      await contend({
        name: `stores-sqlite-${writers}`,
        unit: 'commits/s',
        ours: () => sqliteCommits(writers, times * 4),
        peer: () => bareSqlite(3_000),
        judge: () => ({ met: null, goal: '–' }),
      }),
    )
  }
  return [...results, ...(await onEtcd()), ...(await onZooKeeper())]
}

async function onEtcd(): Promise<readonly BenchResult[]> {
  const server = await TestEtcd.start()
  const store = await server.open()
  const options = { endpoints: [server.address], requestTimeoutMs: 10_000, user: null, tls: null }
  const connection = new EtcdConnection({ ...options, clock: ambient.clock })
  try {
    return await contests('etcd', store, (writer, n) => {
      const put = { kind: 'put', key: `raw/${aName(writer, n)}`, value: JSON.stringify(aValue(n)) } as const
      return connection.attempt(TXN, { compare: [], success: [put], failure: [] }, connection.deadline())
    })
  } finally {
    connection.close()
    await store.close()
    await server.stop()
  }
}

async function onZooKeeper(): Promise<readonly BenchResult[]> {
  const server = await TestZooKeeper.start()
  const store = await ZooKeeperStore.open({
    hosts: [server.host],
    sessionTimeoutMs: SESSION_MS,
    root: '/bench',
    ...ambient,
  })
  const servers = [parseEndpoint(server.host)]
  const session = Session.begin({ servers, timeoutMs: SESSION_MS, tls: null, digest: null, ...ambient })
  const client = new Client(session, 'anyone')
  try {
    await client.create('/raw', Buffer.alloc(0))
    for (let writer = 0; writer < 64; writer++) {
      for (let n = 0; n < 16; n++) await client.create(`/raw/${aName(writer, n)}`, Buffer.alloc(0))
    }
    return await contests('zookeeper', store, (writer, n) => {
      const data = Buffer.from(JSON.stringify(aValue(n)))
      return client.multi([{ kind: 'set', path: `/raw/${aName(writer, n)}`, data, version: -1 }])
    })
  } finally {
    await session.close(unreachable('the bench is over'))
    await store.close()
    await server.stop()
  }
}

async function contests(name: string, store: Store, raw: RawWrite): Promise<readonly BenchResult[]> {
  const results: BenchResult[] = []
  for (const { writers, times } of LOADS) {
    results.push(
      await contend({
        name: `stores-${name}-${writers}`,
        unit: 'commits/s',
        ours: () => commitFrom(store, writers, times),
        peer: () => writeFrom(writers, times, raw),
        judge: () => ({ met: null, goal: '–' }),
      }),
    )
  }
  return results
}
