import type { Leadership } from '../../../src/core/model/cluster.ts'
import type { NodeId } from '../../../src/core/model/ids.ts'
import { LEADERSHIP_KEY } from '../../../src/core/model/objects.ts'
import type { HeldState } from '../../../src/core/replica/take-over.ts'
import type { Tenure } from '../../../src/core/replica/tenure.ts'
import type { PeerMessage } from '../../../src/ports/peers.ts'
import type { Snapshot } from '../../../src/ports/store.ts'
import type { SharedMemoryStore } from '../../../src/store/shared-memory/shared-memory-store.ts'
import type { Mortal } from '../mortal.ts'
import type { Member, Traffic } from './peers.ts'

/** So long a server may lead that is connected to one with a lower id: it has just met it. */
const STEPS_DOWN_WITHIN_MS = 500

export interface MemoryCheckDeps {
  /** Nothing comes between servers in this life: they only die and come back. */
  readonly isGentle: boolean
  readonly broken: (what: string) => void
}

/** What one process of a server has been told. */
interface Heard {
  /** Machines that users sent away, as far as it knows. */
  readonly sentAway: Set<string>
  /** What others have offered it since it last took over, and what it had itself when it began to wait. */
  readonly offers: Map<NodeId, Tenure>
  epoch: number
}

/** The promises of servers that keep the state in their memories, watched from outside. */
export class MemoryChecks implements Traffic {
  readonly #deps: MemoryCheckDeps
  readonly #heard = new WeakMap<Mortal, Heard>()
  /** What is in a state, by how far whose tenure it is. */
  readonly #contents = new Map<string, string>()
  readonly #tenures = new Set<string>()

  constructor(deps: MemoryCheckDeps) {
    this.#deps = deps
  }

  onArrived(to: Member, from: NodeId, message: PeerMessage): void {
    if (message.kind !== 'offer' && message.kind !== 'state') return
    const { state } = message
    this.#sameContent(state)
    const heard = this.#of(to.user)
    heard.epoch = Math.max(heard.epoch, epochIn(state))
    const last = state.tenures.at(-1)
    if (message.kind === 'offer' && last !== undefined) heard.offers.set(from, last)
  }

  onLost(of: Member, peer: NodeId): void {
    this.#of(of.user).offers.delete(peer)
  }

  /** The state that a server gives to those who follow it: of all that it was offered the newest must go on in it. */
  onSent(by: Member, message: PeerMessage): void {
    if (message.kind !== 'state') return
    const [before, last] = message.state.tenures.slice(-2)
    if (before === undefined || last === undefined || last.by !== by.id) return
    const name = JSON.stringify(last)
    if (this.#tenures.has(name)) return
    this.#tenures.add(name)
    const { offers } = this.#of(by.user)
    for (const [peer, offered] of offers) {
      const isNewer = offered.number > before.number || (offered.number === before.number && offered.by < before.by)
      if (isNewer)
        this.#deps.broken(
          `server ${by.id} goes on from tenure ${print(before)}, and server ${peer} offered ${print(offered)}`,
        )
    }
    offers.clear()
  }

  /** A process has the state: what it has seen stays, unless something came between the servers. */
  follow(user: Mortal, store: SharedMemoryStore, whole: Snapshot): void {
    const events = new Map<string, string>()
    const { sentAway } = this.#of(user)
    const take = (key: string, value: unknown): void => {
      if (key.startsWith('dismissed/') && value !== null) sentAway.add(key.slice('dismissed/'.length))
      if (!key.startsWith('event/')) return
      if (value === null) events.delete(key)
      else events.set(key, JSON.stringify(value))
    }
    for (const { key, value } of whole.records) take(key, value)
    store.watch(
      whole.revision,
      ({ changes }) => {
        for (const { key, value } of changes) take(key, value)
      },
      ({ records }) => {
        const there = new Map(records.map(({ key, value }) => [key as string, value]))
        for (const [key, text] of events) {
          if (this.#deps.isGentle && JSON.stringify(there.get(key)) !== text)
            this.#deps.broken(`${user.name} had seen ${key}, ${text}, and has ${JSON.stringify(there.get(key))} now`)
        }
        events.clear()
        sentAway.clear()
        for (const { key, value } of records) take(key, value)
      },
    )
  }

  /** Machines that were sent away, as that process has it. */
  sentAway(user: Mortal): ReadonlySet<string> {
    return this.#of(user).sentAway
  }

  /** A process says that it leads: nobody that it has heard of has led with that epoch. */
  onLeads(user: Mortal, epoch: number): void {
    const heard = this.#of(user)
    if (epoch <= heard.epoch) this.#deps.broken(`${user.name} leads with epoch ${epoch}, and knew ${heard.epoch}`)
    heard.epoch = epoch
  }

  /** `belowForMs`: for how long it has been connected to a server with a lower id. */
  onLook(user: Mortal, leads: boolean, belowForMs: number): void {
    if (leads && Math.min(belowForMs, user.awakeForMs) > STEPS_DOWN_WITHIN_MS)
      this.#deps.broken(`${user.name} leads, and has seen a server with a lower id for ${belowForMs} ms`)
  }

  #of(user: Mortal): Heard {
    const heard = this.#heard.get(user) ?? { sentAway: new Set<string>(), offers: new Map<NodeId, Tenure>(), epoch: 0 }
    this.#heard.set(user, heard)
    return heard
  }

  /** Two states of the same tenure that are as far have the same objects. Copies on disk have fewer events. */
  #sameContent({ tenures, revision, records }: HeldState): void {
    const name = `${JSON.stringify(tenures.at(-1))} revision ${revision}`
    const objects = records.filter(({ key }) => !key.startsWith('event/')).sort((a, b) => (a.key < b.key ? -1 : 1))
    const content = JSON.stringify(objects)
    const known = this.#contents.get(name)
    if (known !== undefined && known !== content) this.#deps.broken(`there are two states of tenure ${name}`)
    this.#contents.set(name, content)
  }
}

function epochIn({ records }: HeldState): number {
  const found = records.find(({ key }) => key === LEADERSHIP_KEY)
  return (found?.value as Leadership | undefined)?.epoch ?? 0
}

function print({ number, by }: Tenure): string {
  return `${number} of server ${by}`
}
