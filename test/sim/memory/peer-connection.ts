import type { Millis, NodeId } from '../../../src/core/model/ids.ts'
import type { Peer, PeerMessage } from '../../../src/ports/peers.ts'
import type { Mortal } from '../mortal.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Member, Traffic } from './peers.ts'

/** Either end gives a connection up on which it has heard nothing for so long. */
const SILENCE_MS = { least: 3_000, more: 500 } as const

interface End {
  readonly member: Member
  readonly other: Member
  /** The other one, as this end speaks to it. */
  readonly peer: Peer
  isOpen: boolean
  /** When what was sent to this end last arrives. */
  arrivesAt: Millis
  /** What waits for the network on its way to this end, in order. */
  readonly held: (() => void)[]
  openSince: Millis
}

/** A connection between two servers: messages arrive in order, and none after one that was lost. */
export class PeerConnection {
  readonly ends: readonly [Member, Member]
  readonly #around: Surroundings
  readonly #traffic: Traffic
  readonly #ends: readonly [End, End]
  readonly #onOver: () => void
  readonly #takeWire: () => void
  #silences = 0

  constructor(around: Surroundings, ends: readonly [Member, Member], traffic: Traffic, onOver: () => void) {
    this.#around = around
    this.ends = ends
    this.#traffic = traffic
    this.#onOver = onOver
    const [a, b] = ends
    this.#ends = [this.#anEnd(a, b), this.#anEnd(b, a)]
    this.#takeWire = around.network.lay({
      ends: [a.machine, b.machine],
      onCut: () => this.fallSilent(),
      onHeal: () => this.#goOn(),
    })
  }

  /** Both ends learn of each other. */
  open(): void {
    for (const { member, peer } of this.#ends) member.user.whenAwake(() => member.events.onPeer(peer))
  }

  isOpenAt(member: Member): boolean {
    return this.#endOf(member)?.isOpen === true
  }

  /** Whether it is an open connection of that member to the server with this id. */
  leadsTo(member: Member, id: NodeId): boolean {
    const [a, b] = this.#ends
    if (a.member === member) return a.isOpen && b.member.id === id
    return b.member === member && b.isOpen && a.member.id === id
  }

  /** Since when that process has been connected here to a server with a lower id; null: it is not. */
  seesLowerSince(user: Mortal): Millis | null {
    const end = this.#ends.find(({ member }) => member.user === user)
    return end?.isOpen === true && end.other.id < end.member.id ? end.openSince : null
  }

  /** An end that hears nothing gives up if that lasts. */
  fallSilent(): void {
    const { clock, rng } = this.#around
    this.#silences += 1
    const silence = this.#silences
    for (const end of this.#ends) {
      clock.after(SILENCE_MS.least + rng.below(SILENCE_MS.more), () => {
        if (silence === this.#silences && !this.#hears(end) && !end.member.user.isPaused) this.end(end.member)
      })
    }
  }

  /** The process at that end is gone, and what it said last may be lost with it. */
  die(member: Member): void {
    const end = this.#endOf(member)
    const other = this.#ends.find((one) => one !== end)
    if (end === undefined || other === undefined) return
    end.isOpen = false
    if (this.#around.rng.chance(0.5)) other.held.splice(0)
    this.#hearOfEnd(other)
  }

  /** That end gives the connection up, or another one takes its place. */
  end(member: Member): void {
    const end = this.#endOf(member)
    const other = this.#ends.find((one) => one !== end)
    if (end === undefined || other === undefined || !end.isOpen) return
    this.#close(end)
    this.#hearOfEnd(other)
  }

  #anEnd(member: Member, other: Member): End {
    const peer: Peer = { id: other.id, send: (message) => this.#send(message, member, other) }
    const { clock } = this.#around
    return { member, other, peer, isOpen: true, arrivesAt: 0, held: [], openSince: clock.now() }
  }

  #endOf(member: Member): End | undefined {
    const [a, b] = this.#ends
    return a.member === member ? a : b.member === member ? b : undefined
  }

  #hears({ member, other }: End): boolean {
    return other.user.alive && !other.user.isPaused && this.#around.network.isOpen(other.machine, member.machine)
  }

  /** The other end has gone: this one is told by the network, or misses it. */
  #hearOfEnd(end: End): void {
    const { clock, rng, network } = this.#around
    const isTold = network.isWhole(end.member.machine, end.other.machine)
    const ms = isTold ? rng.below(50) : SILENCE_MS.least + rng.below(SILENCE_MS.more)
    clock.after(ms, () => this.#close(end))
  }

  #close(end: End): void {
    if (!end.isOpen) return
    end.isOpen = false
    const { member, other, peer } = end
    member.user.whenAwake(() => {
      this.#traffic.onLost(member, other.id)
      member.events.onGone(peer)
    })
    if (this.#ends.some(({ isOpen }) => isOpen)) return
    this.#takeWire()
    this.#onOver()
  }

  #send(message: PeerMessage, from: Member, to: Member): void {
    const [sender, receiver] = [this.#endOf(from), this.#endOf(to)]
    if (sender?.isOpen !== true || receiver === undefined || !from.user.alive) return
    this.#traffic.onSent(from, message)
    const { clock, rng, copies, network } = this.#around
    const sent = copies ? (JSON.parse(JSON.stringify(message)) as PeerMessage) : message
    receiver.arrivesAt = Math.max(receiver.arrivesAt, clock.now() + rng.below(rng.chance(0.05) ? 150 : 8))
    const deliver = (): void => {
      if (!receiver.isOpen) return
      if (!network.isOpen(from.machine, to.machine)) return void receiver.held.push(deliver)
      to.user.whenAwake(() => {
        this.#traffic.onArrived(to, from.id, sent)
        to.events.onMessage(receiver.peer, sent)
      })
    }
    clock.callAt(receiver.arrivesAt, () => {
      if (receiver.held.length > 0) receiver.held.push(deliver)
      else deliver()
    })
  }

  #goOn(): void {
    if (this.#ends.every((end) => this.#hears(end))) this.#silences += 1
    for (const { held } of this.#ends) for (const deliver of held.splice(0)) deliver()
  }
}
