import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { sleep } from '../../ports/clock.ts'
import type { Commit, CommitOutcome } from '../../ports/store.ts'
import { endOfTurn } from '../turn-end.ts'
import type { Group, PreparedCommit } from './draft-group.ts'
import { draftGroup, groupSize, prepareCommit } from './draft-group.ts'
import { corrupt, isAnswerLost, RefusedByServer, unreachable } from './failures.ts'
import type { Layout } from './format.ts'
import type { LogTrimmer } from './log-trimmer.ts'
import type { MultiResult } from './protocol.ts'
import { CODE } from './protocol.ts'
import type { Replica } from './replica.ts'
import type { SessionKeeper } from './session-keeper.ts'
import type { Turns } from './turns.ts'

/** Races that are lost before the others are asked to hold back. */
const POLITE_LOSSES = 2
/** Where several ask, a moment of chance comes between them, longer each time. */
const LONGEST_PAUSE_MS = 16

interface Waiting {
  readonly prepared: PreparedCommit
  readonly resolve: (outcome: CommitOutcome) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Writes commits, one transaction at a time, each with all that came while the one before was under way. A transaction
 * lands only on the head that it was drafted against; when another server was faster, the view catches up and the same
 * commits are judged anew.
 */
export class Committer {
  readonly #keeper: SessionKeeper
  readonly #layout: Layout
  readonly #replica: Replica
  readonly #trimmer: LogTrimmer
  readonly #turns: Turns
  readonly #patienceMs: Millis
  #queue: Waiting[] = []
  #running: Promise<void> | null = null
  #closed = false
  /** Version of the head that a transaction needed whose answer was lost; it may still be on its way. */
  #doubt: number | null = null

  constructor(parts: {
    readonly keeper: SessionKeeper
    readonly layout: Layout
    readonly replica: Replica
    readonly trimmer: LogTrimmer
    readonly turns: Turns
    /** How long others may be faster before a commit is given up. */
    readonly patienceMs: Millis
  }) {
    this.#keeper = parts.keeper
    this.#layout = parts.layout
    this.#replica = parts.replica
    this.#trimmer = parts.trimmer
    this.#turns = parts.turns
    this.#patienceMs = parts.patienceMs
  }

  /** As `Store.commit`. */
  commit(commit: Commit): Promise<CommitOutcome> {
    if (this.#closed) return Promise.reject(closed())
    const prepared = prepareCommit(commit, this.#layout)
    return new Promise((resolve, reject) => {
      this.#queue.push({ prepared, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when every transaction whose answer was lost has landed or never will. */
  async settled(): Promise<void> {
    const doubt = this.#doubt
    if (doubt === null) return
    await this.#replica.settle(doubt)
    if (this.#doubt === doubt) this.#doubt = null
  }

  /** Takes nothing more; resolves when all that was taken has its outcome. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #run(): Promise<void> {
    await endOfTurn()
    while (this.#queue.length > 0) {
      const size = groupSize(this.#queue.map(({ prepared }) => prepared))
      const waiting = this.#queue.slice(0, size)
      this.#queue = this.#queue.slice(size)
      await this.#write(waiting)
    }
    this.#running = null
  }

  async #write(waiting: readonly Waiting[]): Promise<void> {
    const { clock, rng } = this.#keeper
    const givenUpAt = clock.now() + this.#patienceMs
    try {
      for (let lost = 0; clock.now() < givenUpAt; lost++) {
        await this.settled()
        if (lost >= POLITE_LOSSES) await this.#turns.ask()
        else await this.#turns.free()
        if (lost > 0) await this.#replica.catchUp(true)
        if (await this.#tryOnce(waiting)) return
        if (lost > POLITE_LOSSES)
          await sleep(clock, rng.below(Math.min(2 ** (lost - POLITE_LOSSES), LONGEST_PAUSE_MS) + 1))
      }
      throw unreachable('other servers write all the time')
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  /** Returns false when the head had moved on; then nothing was written. */
  async #tryOnce(waiting: readonly Waiting[]): Promise<boolean> {
    const { view } = this.#replica
    const drafted = view.headVersion
    const commits = waiting.map(({ prepared }) => prepared)
    const group = draftGroup(view, commits, this.#layout)
    let result: MultiResult
    try {
      result = await this.#keeper.client.multi(group.steps)
    } catch (cause) {
      if (!isAnswerLost(cause)) throw cause
      if (group.batches.length > 0) this.#doubt = drafted
      for (const { resolve } of waiting) resolve({ kind: 'unknown', cause })
      return true
    }
    if (result.kind === 'failed') return this.#judgeFailure(group, result)
    group.outcomes.forEach((outcome, index) => {
      waiting[index]?.resolve(outcome)
    })
    this.#replica.take(group.batches, result.versions[0] ?? drafted)
    const last = group.batches.at(-1)
    if (last !== undefined) this.#trimmer.wrote(last.revision, group.batches.length, group.loggedBytes)
    return true
  }

  #judgeFailure(group: Group, { step, code }: { readonly step: number; readonly code: number }): false {
    const failed = group.steps[step]
    if (code === CODE.badVersion && step === 0) return false
    // An entry of that number is there: the head has moved on too.
    if (code === CODE.nodeExists && failed?.path.startsWith(`${this.#layout.log}/`)) return false
    const cause = new RefusedByServer(code, `to write ${failed?.path ?? this.#layout.root}`)
    if (code === CODE.quotaExceeded) {
      throw new OperationalError('STORE_FULL', 'cannot write to the store: its quota in ZooKeeper is used up', {
        cause,
      })
    }
    if (code === CODE.noNode || code === CODE.nodeExists) {
      throw corrupt(this.#layout.root, `another program has changed ${failed?.path ?? 'it'}`, { cause })
    }
    throw new OperationalError('UNAVAILABLE', 'cannot write to the store: ZooKeeper refuses the change', { cause })
  }
}

function closed(): OperationalError {
  return new OperationalError('UNAVAILABLE', 'cannot write to the store: it is closed')
}
