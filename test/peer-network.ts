import type { NodeId } from '../src/core/model/ids.ts'
import type { Clock } from '../src/ports/clock.ts'
import type { Peer, PeerEvents, PeerMessage } from '../src/ports/peers.ts'

const LATENCY_MS = 2

interface End {
  readonly id: NodeId
  readonly events: PeerEvents
}

interface Connection {
  readonly ends: readonly [End, End]
  readonly peers: readonly [Peer, Peer]
  isOpen: boolean
}

/** Connections between servers that keep the state in their memories: made, cut and healed by a test. */
export class PeerNetwork {
  readonly #clock: Clock
  readonly #ends = new Map<NodeId, PeerEvents>()
  #connections: Connection[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A server is there and finds the others whom it can reach. */
  join(id: NodeId, events: PeerEvents, reaches: (other: NodeId) => boolean = () => true): void {
    const others = [...this.#ends.keys()].filter(reaches)
    this.#ends.set(id, events)
    for (const other of others) this.connect(id, other)
  }

  /** A server is gone: its connections end. */
  leave(id: NodeId): void {
    this.#ends.delete(id)
    this.cut((a, b) => a === id || b === id)
  }

  connect(a: NodeId, b: NodeId): void {
    const open = this.#connections.some(({ ends }) => ends.every(({ id }) => id === a || id === b))
    const [x, y] = [this.#ends.get(a), this.#ends.get(b)]
    if (open || x === undefined || y === undefined) return
    const ends: [End, End] = [
      { id: a, events: x },
      { id: b, events: y },
    ]
    const connection: Connection = { ends, isOpen: true, peers: [this.#peer(1, ends), this.#peer(0, ends)] }
    this.#connections.push(connection)
    this.#later(() => {
      if (!connection.isOpen) return
      x.onPeer(connection.peers[0])
      y.onPeer(connection.peers[1])
    })
  }

  /** Ends the connections that are meant; neither end hears of it before its time. */
  cut(isMeant: (a: NodeId, b: NodeId) => boolean): void {
    for (const connection of this.#connections) {
      const [a, b] = connection.ends
      if (!isMeant(a.id, b.id) && !isMeant(b.id, a.id)) continue
      connection.isOpen = false
      this.#later(() => {
        a.events.onGone(connection.peers[0])
        b.events.onGone(connection.peers[1])
      })
    }
    this.#connections = this.#connections.filter(({ isOpen }) => isOpen)
  }

  /** Everybody finds everybody again. */
  heal(): void {
    const ids = [...this.#ends.keys()]
    for (const a of ids) for (const b of ids) if (a < b) this.connect(a, b)
  }

  /** The end `to` as the other end sees it. */
  #peer(to: 0 | 1, ends: readonly [End, End]): Peer {
    const from = to === 0 ? 1 : 0
    const send = (message: PeerMessage): void => {
      const copy = structuredClone(message)
      this.#later(() => {
        const connection = this.#connections.find((one) => one.ends === ends)
        if (connection?.isOpen === true) ends[to].events.onMessage(connection.peers[to], copy)
      })
    }
    return {
      id: ends[to].id,
      send: (message) => (ends[from].events === this.#ends.get(ends[from].id) ? send(message) : undefined),
    }
  }

  #later(call: () => void): void {
    this.#clock.callAt(this.#clock.now() + LATENCY_MS, call)
  }
}
