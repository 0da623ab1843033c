import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { unreachable } from '../../lib/assert.ts'
import type { Clock } from '../../ports/clock.ts'
import { sleep } from '../../ports/clock.ts'
import type { Commit, CommitOutcome } from '../../ports/store.ts'
import { endOfTurn } from '../turn-end.ts'
import type { EtcdConnection } from './connection.ts'
import { EtcdFailure, toOperational } from './failure.ts'
import type { Feed } from './feed.ts'
import type { Group, PreparedCommit } from './group.ts'
import { planGroup, prepareCommit } from './group.ts'
import type { TxnResponse } from './kv-messages.ts'
import type { Layout } from './layout.ts'
import { TXN } from './methods.ts'
import type { Replica } from './replica.ts'

const MAX_GROUP = 256
const RETRY_PAUSE_MS: Millis = 50
/**
 * What a member passes on to an etcd leader that has just died is lost, and nobody says so: it is sent again, as often as
 * covers the election of another. Of several that arrive one takes effect.
 */
const SHORT_ATTEMPT_MS: Millis = 350
const SHORT_ATTEMPTS = 5

interface Waiting extends PreparedCommit {
  readonly deadlineAt: Millis
  readonly resolve: (outcome: CommitOutcome) => void
  readonly reject: (reason: unknown) => void
}

type Verdict =
  | { readonly kind: 'landed'; readonly mod: number }
  /** Nothing was written: somebody else was faster. What they wrote is known by now. */
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'unknown'; readonly cause: unknown }

export interface CommitterDeps {
  readonly connection: EtcdConnection
  readonly layout: Layout
  readonly replica: Replica
  readonly feed: Feed
  readonly clock: Clock
  readonly requestTimeoutMs: Millis
}

/**
 * Writes commits, one transaction at a time; what arrives meanwhile goes together into the next one. A transaction is
 * guarded by the head, so it may be sent again when its answer was lost: only one of the two can land, and the watch
 * tells whether the first did. When that cannot be told in time the outcome is `unknown`.
 */
export class Committer {
  readonly #deps: CommitterDeps
  #queue: Waiting[] = []
  #turn = 0
  #pumping: Promise<void> | null = null

  constructor(deps: CommitterDeps) {
    this.#deps = deps
  }

  commit(commit: Commit): Promise<CommitOutcome> {
    const prepared = prepareCommit(commit)
    const deadlineAt = this.#deps.clock.now() + this.#deps.requestTimeoutMs
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...prepared, deadlineAt, resolve, reject })
      this.#pumping ??= this.#pump()
    })
  }

  /** Resolves when everybody who waits has an answer. */
  async drain(): Promise<void> {
    await this.#pumping
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      await endOfTurn()
      this.#rejectLate()
      if (this.#queue.length > 0) await this.#writeNext()
    }
    this.#pumping = null
  }

  /** Those who waited so long that a lost answer could no longer be looked for in their time: nothing was sent. */
  #rejectLate(): void {
    const { clock, requestTimeoutMs, replica } = this.#deps
    const latest = clock.now() + requestTimeoutMs / 4
    const inTime: Waiting[] = []
    for (const entry of this.#queue) {
      if (replica.failure !== null) entry.reject(replica.failure)
      else if (entry.deadlineAt < latest) entry.reject(tooBusy())
      else inTime.push(entry)
    }
    this.#queue = inTime
  }

  async #writeNext(): Promise<void> {
    const { replica, layout } = this.#deps
    const group = planGroup(this.#queue.slice(0, MAX_GROUP), replica, layout, ++this.#turn)
    const entries = this.#queue.splice(0, group.outcomes.length)
    const deadlineAt = entries.reduce((least, entry) => Math.min(least, entry.deadlineAt), Number.POSITIVE_INFINITY)
    const verdict = await this.#write(group, deadlineAt)
    switch (verdict.kind) {
      case 'landed':
        this.#acknowledge(entries, group, verdict.mod)
        break
      case 'overtaken':
        this.#queue.unshift(...entries)
        break
      case 'refused':
        for (const { reject } of entries) reject(toOperational('write to the store', verdict.error))
        break
      case 'unknown':
        // Those who only ask are asked for again.
        this.#queue.unshift(...entries.filter((_, index) => group.writing[index] === false))
        entries.forEach(({ resolve }, index) => {
          if (group.writing[index] === true) resolve({ kind: 'unknown', cause: verdict.cause })
        })
        break
      default:
        unreachable(verdict)
    }
  }

  /** Answers before it tells the watchers; those who wait go on after both, as promises do. */
  #acknowledge(entries: readonly Waiting[], group: Group, mod: number): void {
    const { replica } = this.#deps
    group.outcomes.forEach((outcome, index) => {
      entries[index]?.resolve(outcome)
    })
    // The watch may have been faster.
    if (group.batches.length === 0 || replica.mod !== group.mod) return
    replica.take({ mod, batches: group.batches, writer: replica.writer, turn: group.turn })
  }

  async #write(group: Group, deadlineAt: Millis): Promise<Verdict> {
    const { connection, clock } = this.#deps
    let doubt: EtcdFailure | null = null
    for (let attempt = 1; ; attempt++) {
      const until = attempt <= SHORT_ATTEMPTS ? Math.min(deadlineAt, clock.now() + SHORT_ATTEMPT_MS) : deadlineAt
      try {
        const answer = await connection.attempt(TXN, group.txn, until)
        if (answer.succeeded) return { kind: 'landed', mod: answer.revision }
        return await this.#judgeOvertaken(group, answer, doubt, deadlineAt)
      } catch (error) {
        if (!(error instanceof EtcdFailure)) throw error
        // A short attempt may just not have found a connection yet.
        const mayStillGo = error.kind === 'unsent' && until < deadlineAt
        if (error.kind === 'doubtful') doubt = error
        else if (!mayStillGo) return doubt === null ? { kind: 'refused', error } : unknown(doubt)
      }
      if (clock.now() >= deadlineAt) return doubt === null ? { kind: 'refused', error: tooBusy() } : unknown(doubt)
      await sleep(clock, RETRY_PAUSE_MS)
    }
  }

  /** The head is not where the group was judged: waits for the watch to bring what moved it. */
  async #judgeOvertaken(
    group: Group,
    answer: TxnResponse,
    doubt: EtcdFailure | null,
    deadlineAt: Millis,
  ): Promise<Verdict> {
    const { clock, replica, feed } = this.#deps
    const headMod = answer.ranges[0]?.kvs[0]?.modRevision ?? 0
    if (headMod <= group.mod) feed.restart()
    while (replica.failure === null && replica.mod < headMod && clock.now() < deadlineAt) {
      await replica.moved(deadlineAt)
    }
    if (replica.failure !== null || replica.mod < headMod) {
      if (doubt !== null) return unknown(doubt)
      return { kind: 'refused', error: replica.failure ?? tooBusy() }
    }
    if (doubt === null) return { kind: 'overtaken' }
    if (replica.landed >= group.turn) return { kind: 'landed', mod: headMod }
    return replica.resets === group.resets ? { kind: 'overtaken' } : unknown(doubt)
  }
}

function unknown(cause: unknown): Verdict {
  return { kind: 'unknown', cause }
}

function tooBusy(): OperationalError {
  return new OperationalError('UNAVAILABLE', 'cannot write to the store: etcd does not answer in time')
}
