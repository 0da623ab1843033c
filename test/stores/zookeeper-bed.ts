import { randomUUID } from 'node:crypto'
import { afterEach } from 'vitest'
import { keyOf } from '../../src/core/model/objects.ts'
import { systemClock } from '../../src/drivers/clock.ts'
import { systemRng } from '../../src/drivers/rng.ts'
import type { ChangeBatch, Commit, CommitOutcome, Snapshot, Store, Write } from '../../src/ports/store.ts'
import { Client } from '../../src/store/zookeeper/client.ts'
import { parseEndpoint } from '../../src/store/zookeeper/endpoint.ts'
import { unreachable } from '../../src/store/zookeeper/failures.ts'
import { Session } from '../../src/store/zookeeper/session.ts'
import type { ZooKeeperOptions } from '../../src/store/zookeeper/zookeeper-store.ts'
import { ZooKeeperStore } from '../../src/store/zookeeper/zookeeper-store.ts'

/** Session timeout of the tests: long enough for a busy machine, short enough to wait for. */
export const SESSION_MS = 4_000

const opened: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

/** Has something closed when the test is over. */
export function closeLater(close: () => Promise<void>): void {
  opened.push(close)
}

export function aRoot(): string {
  return `/test/${randomUUID()}`
}

/** Real time and chance. */
export const AMBIENT = { clock: systemClock(), rng: systemRng() }

/** A store that is closed when the test is over. */
export async function openStore(
  host: string,
  root: string,
  more: Partial<ZooKeeperOptions> = {},
): Promise<ZooKeeperStore> {
  const store = await ZooKeeperStore.open({ hosts: [host], sessionTimeoutMs: SESSION_MS, root, ...AMBIENT, ...more })
  closeLater(() => store.close())
  return store
}

/** A client without a store, for looking and for mischief. */
export function openClient(host: string): Client {
  const session = Session.begin({
    servers: [parseEndpoint(host)],
    timeoutMs: SESSION_MS,
    tls: null,
    digest: null,
    ...AMBIENT,
  })
  closeLater(() => session.close(unreachable('the test is over')))
  return new Client(session, 'anyone')
}

export function commit(store: Store, writes: readonly Write[], more: Partial<Commit> = {}): Promise<CommitOutcome> {
  return store.commit({ epoch: null, expect: [], writes, events: [], ...more })
}

export function putService(name: string, attemptFloor: number): Write {
  return { put: keyOf('service', name), value: { name, attemptFloor, retryAt: null } }
}

/** A write of so many bytes. */
export function putLarge(id: string, bytes: number): Write {
  const body = randomUUID()
    .repeat(Math.ceil(bytes / 36))
    .slice(0, bytes)
  return { put: keyOf('idempotency', id), value: { requestHash: '', status: 1, body, at: 1 } }
}

export function table(snapshot: Snapshot): Record<string, unknown> {
  return Object.fromEntries(snapshot.records.map(({ key, revision, value }) => [key, [revision, value]]))
}

/** What somebody knows who has only watched. */
export class Watcher {
  readonly batches: ChangeBatch[] = []
  gaps = 0
  revision: number
  #state = new Map<string, unknown>()
  #waiting: { readonly revision: number; readonly resolve: () => void }[] = []

  constructor(store: Store, from: Snapshot) {
    this.revision = from.revision
    this.#state = new Map(Object.entries(table(from)))
    const end = store.watch(
      from.revision,
      (batch) => this.#take(batch),
      (whole) => this.#replace(whole),
    )
    closeLater(async () => end())
  }

  static async of(store: Store): Promise<Watcher> {
    return new Watcher(store, await store.load())
  }

  get state(): Record<string, unknown> {
    return Object.fromEntries(this.#state)
  }

  reached(revision: number): Promise<void> {
    if (revision <= this.revision) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }))
  }

  #take(batch: ChangeBatch): void {
    this.batches.push(batch)
    for (const { key, value } of batch.changes) {
      if (value === null) this.#state.delete(key)
      else this.#state.set(key, [batch.revision, value])
    }
    this.#arrive(batch.revision)
  }

  #replace(whole: Snapshot): void {
    this.gaps++
    this.#state = new Map(Object.entries(table(whole)))
    this.#arrive(whole.revision)
  }

  #arrive(revision: number): void {
    this.revision = revision
    for (const waiter of this.#waiting) if (waiter.revision <= revision) waiter.resolve()
  }
}
