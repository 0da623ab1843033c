import { clusterOf, type NewLife, raise } from '../../src/core/incarnation/raise.ts'
import type { Millis } from '../../src/core/model/ids.ts'
import { CLUSTER_KEY, type Key, LEADERSHIP_KEY } from '../../src/core/model/objects.ts'
import type { Rng } from '../../src/lib/rng.ts'
import type { ChangeBatch, Commit, CommitOutcome, Snapshot, StoreRecord } from '../../src/ports/store.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import { plainCertifier } from '../plain-certifier.ts'
import type { Observe } from './facts.ts'
import type { Faults } from './faults.ts'
import { signatureOf } from './incarnation.ts'
import { SimLease } from './lease.ts'

/** What the store really holds. It outlives the servers that use it. */
export class StoreBackend {
  readonly lease = new SimLease()
  /** What signs for all servers: they have the same cluster key. */
  readonly certifier = plainCertifier()
  readonly rng: Rng
  readonly faults: Faults
  readonly #observe: Observe
  readonly #done: Commit[] = []
  readonly #records = new Map<Key, StoreRecord>()
  #memory = new MemoryStore()
  #revision = 0
  /** It takes no commit that writes while its disk is full. */
  isFull = false
  #present: { readonly author: string; readonly commit: Commit } | null = null

  constructor(rng: Rng, faults: Faults, observe: Observe) {
    this.rng = rng
    this.faults = faults
    this.#observe = observe
    this.#follow()
  }

  get revision(): number {
    return this.#revision
  }

  get records(): ReadonlyMap<Key, StoreRecord> {
    return this.#records
  }

  snapshot(): Snapshot {
    return { revision: this.#revision, records: [...this.#records.values()] }
  }

  watch(after: number, onBatch: (batch: ChangeBatch) => void, onGap: (whole: Snapshot) => void): () => void {
    return this.#memory.watch(after, onBatch, onGap)
  }

  async commit(commit: Commit, author: string): Promise<CommitOutcome> {
    const { faults, rng } = this
    const raced = commit.expect.find(({ key, revision }) => this.#records.get(key)?.revision === revision)
    if (raced !== undefined && faults.hit('commit conflict', rng)) await this.#touch(raced.key)
    if (faults.hit('commit unknown, not landed', rng)) return { kind: 'unknown', cause: 'the request was lost' }
    const outcome = await this.#write(commit, author)
    if (outcome.kind === 'committed' && faults.hit('commit unknown, landed', rng))
      return { kind: 'unknown', cause: 'the reply was lost' }
    return outcome
  }

  /** Servers to which news do not come for a while, although they can write. */
  readonly lagging = new Set<string>()

  /** The state goes back to what it was so many commits ago, as after a restore that tells nobody; 0 left: empty. */
  regressBy(commits: number): void {
    const kept = this.#done.splice(0).slice(0, -commits)
    this.#memory = new MemoryStore()
    this.#records.clear()
    this.#revision = 0
    this.#follow()
    for (const commit of kept) void this.#write({ ...commit, epoch: null, expect: [] }, 'restore')
  }

  /** The state of so many commits ago is put back with its authority's word, as `gantry backup restore` does. */
  putBack(commits: number, at: Millis): void {
    this.regressBy(commits)
    const life: NewLife = { kind: 'restore', by: 'user', at, because: 'a backup was put back', above: 0 }
    const records = [...this.#records.values()]
    const { cluster, epoch, forget, events } = raise(records, life, (incarnation) => {
      return { at, chain: [], signature: signatureOf(clusterOf(records).id, incarnation) }
    })
    const leadership = { epoch, holder: life.by, address: null, since: at }
    const writes: Commit['writes'] = [
      { put: CLUSTER_KEY, value: cluster },
      { put: LEADERSHIP_KEY, value: leadership },
      ...forget.map((key) => ({ delete: key })),
    ]
    void this.#write({ epoch: null, expect: [], writes, events }, 'restore')
  }

  /** Writes an object as it is: somebody else was quicker. */
  async #touch(key: Key): Promise<void> {
    const record = this.#records.get(key)
    if (record === undefined) return
    const write = { put: key, value: record.value } as Commit['writes'][number]
    await this.#write({ epoch: null, expect: [], writes: [write], events: [] }, 'somebody else')
  }

  #write(commit: Commit, author: string): Promise<CommitOutcome> {
    this.#present = { author, commit }
    // The memory store commits before its promise is there, so nothing comes in between.
    const outcome = this.#memory.commit(commit)
    this.#present = null
    return outcome
  }

  #follow(): void {
    this.#memory.watch(
      0,
      (batch) => this.#take(batch),
      () => undefined,
    )
  }

  #take(batch: ChangeBatch): void {
    this.#revision = batch.revision
    for (const { key, value } of batch.changes) {
      if (value === null) this.#records.delete(key)
      else this.#records.set(key, { key, value, revision: batch.revision })
    }
    if (this.#present === null) return
    this.#done.push(this.#present.commit)
    if (this.#present.author !== 'restore') this.#observe({ kind: 'commit', ...this.#present, batch })
  }
}
