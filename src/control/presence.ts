import type { EventDraft } from '../core/model/event.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Node } from '../core/model/node.ts'
import { keyOf } from '../core/model/objects.ts'
import { isAlive, type Task } from '../core/model/task.ts'
import { type Absence, type AbsenceVerdict, judgeAbsences, type Patience } from '../core/node/absence.ts'
import { isLeased } from '../core/node/lease.ts'
import { hasDataThere, isHeldWhereItWas } from '../core/schedule/need.ts'
import { earlier } from '../lib/collections.ts'
import { sleep } from '../ports/clock.ts'
import type { AgentConnection } from '../ports/link.ts'
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
  readonly patience: Patience
  readonly renewals: Renewals
  /** The connection of a node's agent; null: it has none. */
  readonly connection: (node: NodeId) => AgentConnection | null
  /** Asks for `pass`. */
  readonly wake: () => void
}

/** An agent that was started anew, or lost a connection, is back before. */
const AWAY_AFTER_MS: Millis = 2_000
const PROBE_EVERY_MS: Millis = 500
const PROBE_WITHIN_MS: Millis = 1_000
/** Others that are asked whether they reach a machine that this server does not. */
const WITNESSES = 2

/** Which nodes are here, and what is done about those that are not. Nothing of it is stored but what follows from it. */
export class Presence {
  readonly #deps: PresenceDeps
  readonly #goneSince = new Map<NodeId, Millis>()
  readonly #silentSince = new Map<NodeId, Millis>()
  readonly #evicted = new Set<NodeId>()
  readonly #probed = new Set<NodeId>()
  /** Machines that did not answer while their agent did: a firewall, so that their silence says nothing. */
  readonly #mute = new Set<NodeId>()
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
    this.#silentSince.delete(id)
    this.#evicted.delete(id)
    if (address === null) return
    void this.#deps.reach.answers(address, PROBE_WITHIN_MS).then((answers) => {
      if (answers) this.#mute.delete(id)
      else this.#mute.add(id)
    })
  }

  /** Whether its agent has been gone long enough that new tasks had better go elsewhere. */
  isAway(id: NodeId): boolean {
    if (this.#deps.connection(id) !== null) return false
    const { clock } = this.#deps.pass
    return clock.now() - (this.#goneSince.get(id) ?? clock.now()) >= AWAY_AFTER_MS
  }

  /** The connection of its agent has ended. */
  went(id: NodeId): void {
    this.#goneSince.set(id, this.#deps.pass.clock.now())
    this.#deps.wake()
  }

  /** Judges who is away, and writes what follows: unreachable nodes, and tasks that are lost with them. */
  async pass(): Promise<Millis | null> {
    const { pass, patience } = this.#deps
    const { clock, world } = pass
    const nodes = world.nodes().filter(({ status }) => status !== 'removed')
    const absent = nodes.filter(({ id }) => this.#deps.connection(id) === null)
    const absences = absent.map((node) => this.#absenceOf(node))
    for (const node of absent) this.#probe(node)
    const { verdicts, held, wakeAt } = judgeAbsences(absences, nodes.length, patience, clock.now())
    if (held !== null && held !== this.#held) pass.log.warn('nothing is moved', { reason: held })
    const steps = verdicts.flatMap((verdict) =>
      this.#stepsFor(verdict, held !== null && held !== this.#held ? held : null),
    )
    this.#held = held
    const releases = this.#releases(verdicts)
    const again = await commitPart(pass, [], [...steps, ...releases.steps], wakeAt)
    for (const { node, evict } of verdicts) if (evict && this.#isEmptied(node)) this.#evicted.add(node)
    return earlier(earlier(again, wakeAt), releases.wakeAt)
  }

  #absenceOf({ id: node }: Node): Absence {
    const goneSince = this.#goneSince.get(node) ?? this.#deps.pass.clock.now()
    this.#goneSince.set(node, goneSince)
    return { node, goneSince, silentSince: this.#silentSince.get(node) ?? null, evicted: this.#evicted.has(node) }
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
    const tasks = [...this.#deps.pass.world.mirror.tasksOn(id)].map(({ value }) => value)
    return tasks.filter((task) => isAlive(task) && isLeased(task) && !hasDataThere(task.spec))
  }

  /** Tasks of a node that may be replaced although nobody knows whether they still run. */
  #movable(id: NodeId): Task[] {
    const tasks = [...this.#deps.pass.world.mirror.tasksOn(id)].map(({ value }) => value)
    return tasks.filter((task) => isAlive(task) && !isHeldWhereItWas(task.spec))
  }

  /** Asks again and again, for as long as the node is away, whether its machine answers anybody. */
  #probe(node: Node): void {
    const { id, address } = node
    if (this.#probed.has(id) || address === null || this.#mute.has(id)) return
    this.#probed.add(id)
    void this.#probing(id, address).finally(() => this.#probed.delete(id))
  }

  async #probing(id: NodeId, address: string): Promise<void> {
    const { clock } = this.#deps.pass
    while (!this.#ended && this.#deps.connection(id) === null && !this.#evicted.has(id)) {
      const asked = clock.now()
      const answers = await this.#anybodyReaches(id, address)
      if (answers) this.#silentSince.delete(id)
      else if (!this.#silentSince.has(id)) this.#silentSince.set(id, asked)
      this.#deps.wake()
      await sleep(clock, PROBE_EVERY_MS)
    }
  }

  /** This server, or one of some other nodes: whoever alone cannot reach a machine may be the one that is cut off. */
  async #anybodyReaches(id: NodeId, address: string): Promise<boolean> {
    const { reach, pass, connection } = this.#deps
    if (await reach.answers(address, PROBE_WITHIN_MS)) return true
    const witnesses = pass.world
      .nodes()
      .flatMap((node) => (node.id === id ? [] : (connection(node.id)?.calls ?? [])))
      .slice(0, WITNESSES)
    const words = await Promise.all(
      witnesses.map((calls) => calls.answers(address, PROBE_WITHIN_MS).catch(() => false)),
    )
    return words.includes(true)
  }
}
