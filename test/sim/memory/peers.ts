import type { Millis, NodeId } from '../../../src/core/model/ids.ts'
import type { PeerEvents, PeerMessage } from '../../../src/ports/peers.ts'
import type { Mortal } from '../mortal.ts'
import type { Surroundings } from '../surroundings.ts'
import { PeerConnection } from './peer-connection.ts'

/** One run of a server, as the others find it. */
export interface Member {
  readonly id: NodeId
  readonly machine: string
  readonly user: Mortal
  readonly events: PeerEvents
}

/** What is told of the traffic between servers. */
export interface Traffic {
  readonly onSent: (from: Member, message: PeerMessage) => void
  /** A message that has come to its server. */
  readonly onArrived: (to: Member, from: NodeId, message: PeerMessage) => void
  readonly onLost: (of: Member, peer: NodeId) => void
}

const DIAL_EVERY_MS: Millis = 250

/** The connections between servers that keep the state in their memories, over the network of a life. */
export class SimPeers {
  readonly #around: Surroundings
  readonly #ids: readonly NodeId[]
  readonly #traffic: Traffic
  readonly #members = new Map<NodeId, Member>()
  readonly #connections = new Set<PeerConnection>()

  constructor(around: Surroundings, ids: readonly NodeId[], traffic: Traffic) {
    this.#around = around
    this.#ids = ids
    this.#traffic = traffic
  }

  /** From now on it dials the others, and they find it, until its process dies. */
  join(member: Member): void {
    this.#members.set(member.id, member)
    member.user.onDeath(() => {
      if (this.#members.get(member.id) === member) this.#members.delete(member.id)
      for (const one of this.#of(member)) one.die(member)
    })
    for (const id of this.#ids) if (id !== member.id) this.#keepDialling(member, id)
  }

  /** The process of that server stands still, or goes on: the others hear nothing of it meanwhile. */
  fallSilent(user: Mortal): void {
    for (const one of this.#connections) if (one.ends.some((end) => end.user === user)) one.fallSilent()
  }

  /** For how long a server has been connected to one with a lower id; 0: it is not. */
  belowForMs(user: Mortal): Millis {
    const since = [...this.#connections].flatMap((one) => one.seesLowerSince(user) ?? [])
    return since.length === 0 ? 0 : this.#around.clock.now() - Math.min(...since)
  }

  #keepDialling(member: Member, id: NodeId): void {
    const { clock, rng } = this.#around
    const dial = (): void => {
      if (!member.user.alive) return
      clock.after(DIAL_EVERY_MS + rng.below(DIAL_EVERY_MS), dial)
      if (!this.#isKnown(member, id) && !member.user.isPaused)
        clock.after(rng.below(20), () => this.#connect(member, id))
    }
    clock.after(rng.below(20), dial)
  }

  #connect(member: Member, id: NodeId): void {
    const { network } = this.#around
    const other = this.#members.get(id)
    if (other === undefined || this.#members.get(member.id) !== member) return
    if (member.user.isPaused || other.user.isPaused || !network.isWhole(member.machine, other.machine)) return
    const before = this.#of(member).filter((one) => one.ends.includes(other))
    if (before.some((one) => one.isOpenAt(member))) return
    // One that the other end has not missed yet gives way to the new one.
    for (const one of before) one.end(other)
    const connection = new PeerConnection(this.#around, [member, other], this.#traffic, () =>
      this.#connections.delete(connection),
    )
    this.#connections.add(connection)
    connection.open()
  }

  /** Asked at every dial, so nothing is made for it. */
  #isKnown(member: Member, id: NodeId): boolean {
    for (const one of this.#connections) if (one.leadsTo(member, id)) return true
    return false
  }

  #of(member: Member): PeerConnection[] {
    return [...this.#connections].filter(({ ends }) => ends.includes(member))
  }
}
