import { OperationalError } from '../core/errors.ts'
import type { NodeId, ServiceName, StoreRevision } from '../core/model/ids.ts'
import type { Key, ObjectKind } from '../core/model/objects.ts'
import { invariant } from '../lib/assert.ts'
import type { ChangeBatch, Snapshot, Store, StoreRecord } from '../ports/store.ts'
import { OrderedMap } from './ordered-map.ts'
import { TaskIndex } from './task-index.ts'

interface Waiter {
  readonly revision: StoreRevision
  readonly resolve: () => void
  readonly reject: (reason: Error) => void
}

/**
 * Everything the store holds, in memory and typed, kept up to date by its watch. Reads are synchronous and all of one
 * revision; it only ever moves forward. A commit of ours shows here after `waitFor` its revision, not before.
 */
export class Mirror {
  readonly #byKey = new Map<Key, StoreRecord>()
  readonly #kinds = new Map<string, OrderedMap<StoreRecord>>()
  readonly #tasks = new TaskIndex()
  readonly #listeners = new Set<(batch: ChangeBatch) => void>()
  #waiters: Waiter[] = []
  #revision: StoreRevision = 0
  #end: () => void = () => undefined
  #closed = false

  static async open(store: Store): Promise<Mirror> {
    const mirror = new Mirror()
    const snapshot = await store.load()
    for (const record of snapshot.records) mirror.#put(record)
    mirror.#revision = snapshot.revision
    mirror.#end = store.watch(
      snapshot.revision,
      (batch) => mirror.#take(batch),
      (whole) => mirror.#replace(whole),
    )
    return mirror
  }

  /** storeRevision of everything that is read here. */
  get revision(): StoreRevision {
    return this.#revision
  }

  get<K extends ObjectKind>(key: Key<K>): StoreRecord<K> | null {
    // The first part of a key names the type of its value: that is what the table of object types says.
    return (this.#byKey.get(key) ?? null) as StoreRecord<K> | null
  }

  /** All objects of a kind in the order of their keys. */
  list<K extends ObjectKind>(kind: K): readonly StoreRecord<K>[] {
    return this.#of(kind).list()
  }

  /** Objects of a kind whose id begins so, in the order of their keys. */
  listPrefix<K extends ObjectKind>(kind: K, prefix: string): readonly StoreRecord<K>[] {
    return this.#of(kind).listPrefix(`${kind}/${prefix}`)
  }

  count(kind: ObjectKind): number {
    return this.#of(kind).size
  }

  tasksOf(service: ServiceName): readonly StoreRecord<'task'>[] {
    return this.#tasks.ofService(service)
  }

  tasksOn(node: NodeId): readonly StoreRecord<'task'>[] {
    return this.#tasks.onNode(node)
  }

  /** Specs of one manifest revision. */
  specsOf(manifestRevision: number): readonly StoreRecord<'spec'>[] {
    return this.listPrefix('spec', `${manifestRevision}/`)
  }

  /** Calls after each batch was taken in, in order. Returns a function that ends it. */
  onChange(listener: (batch: ChangeBatch) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves when everything up to that revision can be read here; rejects with UNAVAILABLE when closed before. */
  waitFor(revision: StoreRevision): Promise<void> {
    if (revision <= this.#revision) return Promise.resolve()
    if (this.#closed) return Promise.reject(closedBefore(revision))
    return new Promise((resolve, reject) => this.#waiters.push({ revision, resolve, reject }))
  }

  /** Ends following; what was read last stays readable. */
  close(): void {
    this.#closed = true
    this.#end()
    this.#listeners.clear()
    for (const { revision, reject } of this.#waiters) reject(closedBefore(revision))
    this.#waiters = []
  }

  #take(batch: ChangeBatch): void {
    invariant(
      batch.revision === this.#revision + 1,
      `the store sent revision ${batch.revision} to a mirror at ${this.#revision}`,
    )
    const { revision } = batch
    for (const { key, value } of batch.changes) {
      if (value === null) this.#delete(key)
      else this.#put({ key, value, revision })
    }
    this.#arrive(batch)
  }

  /** The store lost count of what we have seen: takes the whole state in, and tells it as the changes that it amounts to. */
  #replace(whole: Snapshot): void {
    invariant(whole.revision >= this.#revision, `the store went back from ${this.#revision} to ${whole.revision}`)
    const there = new Set<Key>(whole.records.map(({ key }) => key))
    const known = [...this.#kinds.values()].flatMap((kind) => kind.list())
    const gone = known.filter(({ key }) => !there.has(key)).map(({ key }) => ({ key, value: null }))
    const fresh = whole.records.filter(({ key, revision }) => this.get(key)?.revision !== revision)
    for (const { key } of gone) this.#delete(key)
    for (const record of fresh) this.#put(record)
    const changes = [...gone, ...fresh.map(({ key, value }) => ({ key, value }))]
    this.#arrive({ revision: whole.revision, changes })
  }

  #arrive(batch: ChangeBatch): void {
    this.#revision = batch.revision
    for (const listener of [...this.#listeners]) listener(batch)
    if (this.#waiters.length === 0) return
    const arrived = this.#waiters.filter(({ revision }) => revision <= this.#revision)
    this.#waiters = this.#waiters.filter(({ revision }) => revision > this.#revision)
    for (const { resolve } of arrived) resolve()
  }

  #put(record: StoreRecord): void {
    const kind = kindOf(record.key)
    this.#byKey.set(record.key, record)
    if (kind === 'task') this.#tasks.set(record as StoreRecord<'task'>)
    this.#of(kind).set(record)
  }

  #delete(key: Key): void {
    const kind = kindOf(key)
    this.#byKey.delete(key)
    if (kind === 'task') this.#tasks.delete(key as Key<'task'>)
    this.#of(kind).delete(key)
  }

  #of<K extends ObjectKind>(kind: K): OrderedMap<StoreRecord<K>> {
    let records = this.#kinds.get(kind)
    if (records === undefined) {
      records = new OrderedMap()
      this.#kinds.set(kind, records)
    }
    return records as unknown as OrderedMap<StoreRecord<K>>
  }
}

function kindOf<K extends ObjectKind>(key: Key<K>): K {
  return key.slice(0, key.indexOf('/')) as K
}

function closedBefore(revision: StoreRevision): OperationalError {
  return new OperationalError('UNAVAILABLE', `cannot wait for revision ${revision}: the mirror is closed`)
}
