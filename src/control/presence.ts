import type { EventDraft } from '../core/model/event.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Node } from '../core/model/node.ts'
import { keyOf } from '../core/model/objects.ts'
import { isAlive, type Task } from '../core/model/task.ts'
import {
  type Absence,
  type Absences,
  type AbsenceVerdict,
  judgeAbsences,
  longerSilence,
  type Patience,
} from '../core/node/absence.ts'
import { isLeased } from '../core/node/lease.ts'
import { hasDataThere, isHeldWhereItWas } from '../core/schedule/need.ts'
import { earlier } from '../lib/collections.ts'
import { sleep } from '../ports/clock.ts'
import type { AgentCalls, AgentConnection } from '../ports/link.ts'
import type { Reach } from '../ports/reach.ts'
import type { Write } from '../ports/store.ts'
import { loseTask } from './lose-task.ts'
import { commitPart, type PassDeps } from './pass.ts'
import type { Renewals } from './renewals.ts'

interface Step {
  readonly writes: readonly Write[]
  readonly events: readonly EventDraft[]
}

export interface PresenceDeps {
  readonly pass: PassDeps
  readonly reach: Reach
  readonly patience: () => Patience
  readonly renewals: Renewals
  /** The connection of a node's agent; null: it has none. */
  readonly connection: (node: NodeId) => AgentConnection | null
  /** Gives up the connection of a node whose machine is lost. */
  readonly drop: (node: NodeId) => void
  /** Asks for `pass`. */
  readonly wake: () => void
}

/** An agent that was started anew, or lost a connection, is back before. */
const AWAY_AFTER_MS: Millis = 2_000
/** When an agent says hello its machine has so long to show that it answers: two packets may be lost. */
const FIRST_ANSWER_MS: Millis = 3_500
/** Machines that are asked at once: thousands are away when a new leader begins, and nearly all of them come back. */
const MOST_ASKED = 64
/** A machine that answers is asked less often: it is its agent that is away. */
const ANSWERED_PAUSE_MS: Millis = 500
/** Others that are asked whether they reach a machine that this server does not. */
const WITNESSES = 2
/** So long the word of a witness may take beside its question. */
const WORD_ON_ITS_WAY_MS: Millis = 200

/** Which nodes are here, and what is done about those that are not. Nothing of it is stored but what follows from it. */
export class Presence {
  readonly #deps: PresenceDeps
  readonly #goneSince = new Map<NodeId, Millis>()
  /** Connected, but not heard in time. */
  readonly #inDoubt = new Map<NodeId, Millis>()
  readonly #silence = new Map<NodeId, Millis>()
  readonly #evicted = new Set<NodeId>()
  readonly #asked = new Set<NodeId>()
  /** Those among them of which nobody knows yet whether they answer. */
  readonly #open = new Set<NodeId>()
  /** Machines that did not answer while their agent did: a firewall, so that their silence says nothing. */
  readonly #mute = new Set<NodeId>()
  /** Nodes that went together with many others, and until when they may return. */
  readonly #spared = new Set<NodeId>()
  #spareUntil: Millis = 0
  #held: string | null = null
  #ended = false

  constructor(deps: PresenceDeps) {
    this.#deps = deps
    const { world } = deps.pass
    for (const node of world.nodes()) {
      if (node.status === 'unreachable' && this.#isEmptied(node.id)) this.#evicted.add(node.id)
    }
  }

  end(): void {
    this.#ended = true
  }

  /** Its agent has said hello. */
  came(id: NodeId, address: string | null): void {
    this.#goneSince.delete(id)
    this.#inDoubt.delete(id)
    this.#silence.delete(id)
    this.#evicted.delete(id)
    this.#spared.delete(id)
    if (address !== null) void this.#findMute(id, address)
  }

  async #findMute(id: NodeId, address: string): Promise<void> {
    const connection = this.#deps.connection(id)
    if (await this.#deps.reach.answers(address, FIRST_ANSWER_MS)) {
      this.#mute.delete(id)
      return
    }
    // It may have been cut off since it said hello: mute is only a machine whose agent answers after that.
    const word = await connection?.calls.answers(address, FIRST_ANSWER_MS).catch(() => null)
    const isHeard = typeof word === 'boolean'
    if (isHeard && this.#deps.connection(id) === connection) this.#mute.add(id)
  }

  /** Whether its agent has been gone long enough that new tasks had better go elsewhere. */
  isAway(id: NodeId): boolean {
    if (this.#deps.connection(id) !== null) return false
    const { clock } = this.#deps.pass
    return clock.now() - (this.#goneSince.get(id) ?? clock.now()) >= AWAY_AFTER_MS
  }

  /** The connection of its agent has ended. */
  went(id: NodeId): void {
    this.#goneSince.set(id, this.#inDoubt.get(id) ?? this.#deps.pass.clock.now())
    this.#inDoubt.delete(id)
    this.#deps.wake()
  }

  /** Its agent was not heard in time, or is heard again. Slowness is no loss: only its machine's silence makes one of it. */
  doubt(id: NodeId, isDoubtful: boolean): void {
    if (isDoubtful) this.#inDoubt.set(id, this.#deps.pass.clock.now())
    else if (this.#inDoubt.delete(id)) this.#silence.delete(id)
    this.#deps.wake()
  }

  /** Judges who is away, and writes what follows: unreachable nodes, and tasks that are lost with them. */
  async pass(): Promise<Millis | null> {
    const { pass } = this.#deps
    const patience = this.#deps.patience()
    const { clock, world } = pass
    const nodes = world.nodes().filter(({ status }) => status !== 'removed')
    const absent = nodes.filter(({ id }) => this.#isMissing(id))
    for (const node of absent) this.#ask(node)
    const absences = absent.map((node) => this.#absenceOf(node))
    const { verdicts, held, wakeAt } = this.#sparing(judgeAbsences(absences, nodes.length, patience, clock.now()))
    if (held !== null && held !== this.#held) pass.log.warn('nothing is moved', { reason: held })
    const steps = verdicts.flatMap((verdict) =>
      this.#stepsFor(verdict, held !== null && held !== this.#held ? held : null),
    )
    this.#held = held
    for (const { node, unreachable } of verdicts) if (unreachable && this.#inDoubt.has(node)) this.#deps.drop(node)
    const releases = this.#releases(verdicts)
    const again = await commitPart(pass, [], [...steps, ...releases.steps], wakeAt)
    for (const { node, evict } of verdicts) if (evict && this.#isEmptied(node)) this.#evicted.add(node)
    return earlier(earlier(again, wakeAt), releases.wakeAt)
  }

  /** What kept many away is over when the first of them return: the others are given time to. */
  #sparing({ verdicts, held, wakeAt }: Absences): Absences {
    const { pass } = this.#deps
    const patience = this.#deps.patience()
    const now = pass.clock.now()
    if (this.#held !== null && held === null) {
      this.#spareUntil = now + patience.unreachableAfterMs
      for (const { node } of verdicts) this.#spared.add(node)
    }
    if (now >= this.#spareUntil) return { verdicts, held, wakeAt }
    const spared = verdicts.map((one) => (this.#spared.has(one.node) ? { ...one, evict: false } : one))
    return { verdicts: spared, held, wakeAt: earlier(wakeAt, this.#spareUntil) }
  }

  /** Whether its agent is away, or may be. */
  #isMissing(id: NodeId): boolean {
    return this.#deps.connection(id) === null || this.#inDoubt.has(id)
  }

  #absenceOf({ id: node }: Node): Absence {
    const now = this.#deps.pass.clock.now()
    // Of one that is only in doubt nothing but its machine's silence counts.
    const goneSince = this.#inDoubt.has(node) ? now : (this.#goneSince.get(node) ?? now)
    if (!this.#inDoubt.has(node)) this.#goneSince.set(node, goneSince)
    const silentMs = this.#silence.get(node) ?? 0
    return { node, goneSince, silentMs, isOpen: this.#open.has(node), evicted: this.#evicted.has(node) }
  }

  /** What is to be written for one absent node, in parts that are whole by themselves. */
  #stepsFor({ node: id, unreachable, evict, because }: AbsenceVerdict, held: string | null): readonly Step[] {
    const { clock, world } = this.#deps.pass
    const node = world.mirror.get(keyOf('node', id))?.value
    if (node === undefined || !unreachable) return []
    const steps: Step[] = []
    if (node.status !== 'unreachable') {
      const message = `node ${id} (${node.name}) is unreachable: ${because}`
      steps.push({
        writes: [{ put: keyOf('node', id), value: { ...node, status: 'unreachable' } }],
        events: [
          { kind: 'node.changed', object: `node/${id}`, service: null, message, by: 'control', at: clock.now() },
        ],
      })
    }
    if (held !== null)
      steps.push({
        writes: [],
        events: [
          { kind: 'guard.blocked', object: `node/${id}`, service: null, message: held, by: 'control', at: clock.now() },
        ],
      })
    if (!evict) return steps
    return [
      ...steps,
      ...this.#movable(id).map((task) =>
        loseTask(task, `node ${id} is unreachable, ${because}`, 'control', clock.now()),
      ),
    ]
  }

  /** Leased tasks that have certainly ended, and when the next will have. One that is released once is given up for good. */
  #releases(verdicts: readonly AbsenceVerdict[]): { steps: readonly Step[]; wakeAt: Millis | null } {
    const { pass, renewals } = this.#deps
    const now = pass.clock.now()
    let wakeAt: Millis | null = null
    for (const { node, evict } of verdicts) {
      for (const task of evict ? this.#leased(node) : []) {
        const endsAt = renewals.endOf(task)
        if (endsAt !== null && endsAt <= now) renewals.release(task.id)
        else wakeAt = earlier(wakeAt, endsAt)
      }
    }
    const released = pass.world.tasks().filter((task) => isAlive(task) && renewals.isReleased(task.id))
    const because = 'the lease of its node has run out, so that it has ended'
    return { steps: released.map((task) => loseTask(task, because, 'control', now)), wakeAt }
  }

  /** Whether nothing of a node is left to be moved, now or when its lease ends. */
  #isEmptied(id: NodeId): boolean {
    return this.#movable(id).length === 0 && this.#leased(id).length === 0
  }

  #leased(id: NodeId): Task[] {
    const tasks = this.#deps.pass.world.mirror.tasksOn(id).map(({ value }) => value)
    return tasks.filter((task) => isAlive(task) && isLeased(task) && !hasDataThere(task.spec))
  }

  /** Tasks of a node that may be replaced although nobody knows whether they still run. */
  #movable(id: NodeId): Task[] {
    const tasks = this.#deps.pass.world.mirror.tasksOn(id).map(({ value }) => value)
    return tasks.filter((task) => isAlive(task) && !isHeldWhereItWas(task.spec))
  }

  /** Asks again and again, for as long as the node is away, whether its machine answers anybody. */
  #ask(node: Node): void {
    const { id, address } = node
    if (address === null || this.#asked.has(id) || this.#mute.has(id) || this.#evicted.has(id)) return
    if (this.#asked.size >= MOST_ASKED) return
    this.#asked.add(id)
    this.#open.add(id)
    void this.#asking(id, address).finally(() => {
      // Others may have waited for this one's place.
      if (this.#asked.size === MOST_ASKED) this.#deps.wake()
      this.#asked.delete(id)
      this.#open.delete(id)
    })
  }

  async #asking(id: NodeId, address: string): Promise<void> {
    const { pass } = this.#deps
    const { clock } = pass
    let heardOf = clock.now()
    while (!this.#ended && this.#isMissing(id) && !this.#evicted.has(id)) {
      const answers = await this.#anybodyReaches(id, address)
      const now = clock.now()
      const before = this.#silence.get(id) ?? 0
      const wasOpen = this.#open.delete(id)
      if (answers || !this.#isMissing(id)) this.#silence.delete(id)
      else this.#silence.set(id, longerSilence(before, now - heardOf, this.#deps.patience()))
      heardOf = now
      // Of a machine that answers as before there is nothing new to judge.
      if (wasOpen || (this.#silence.get(id) ?? 0) !== before) this.#deps.wake()
      await sleep(clock, answers ? ANSWERED_PAUSE_MS : this.#deps.patience().askAgainMs)
      if (answers) heardOf = clock.now()
    }
  }

  /** A witness that has fallen silent itself must not keep the question open. In two steps: what came while this process had no time is heard between them. */
  async #tooLate(): Promise<false> {
    const { patience, pass } = this.#deps
    await sleep(pass.clock, patience().askWithinMs)
    await sleep(pass.clock, WORD_ON_ITS_WAY_MS)
    return false
  }

  /** This server, or one of some other nodes: whoever alone cannot reach a machine may be the one that is cut off. */
  #anybodyReaches(id: NodeId, address: string): Promise<boolean> {
    const { reach, pass, connection } = this.#deps
    const patience = this.#deps.patience()
    const witnesses: AgentCalls[] = []
    for (const node of pass.world.nodes()) {
      if (witnesses.length === WITNESSES) break
      const calls = node.id === id || this.#inDoubt.has(node.id) ? null : (connection(node.id)?.calls ?? null)
      if (calls !== null) witnesses.push(calls)
    }
    const late = this.#tooLate()
    const words = witnesses.map((calls) => {
      const word = calls.answers(address, patience.askWithinMs).catch(() => false)
      return Promise.race([word, late])
    })
    return isAnyTrue([reach.answers(address, patience.askWithinMs), ...words])
  }
}

/** Whether one of them says so; waits for the others only where none does. */
function isAnyTrue(words: readonly Promise<boolean>[]): Promise<boolean> {
  return new Promise((resolve) => {
    for (const word of words) void word.then((yes) => yes && resolve(true))
    void Promise.all(words).then(() => resolve(false))
  })
}
