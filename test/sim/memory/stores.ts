import type { NodeId } from '../../../src/core/model/ids.ts'
import type { PeerEvents } from '../../../src/ports/peers.ts'
import { SharedMemoryStore } from '../../../src/store/shared-memory/shared-memory-store.ts'
import { StateCopy } from '../../../src/store/shared-memory/state-copy.ts'
import { SimDisk, SimFile } from '../disk.ts'
import type { Mortal } from '../mortal.ts'
import { simLog } from '../sim-log.ts'
import type { Surroundings } from '../surroundings.ts'
import type { SimPeers } from './peers.ts'

/** One server that keeps the state in its memory, whichever of its processes runs. */
export interface Place {
  readonly id: NodeId
  readonly machine: string
  readonly user: Mortal
}

export interface SimMemoryDeps {
  readonly around: Surroundings
  readonly servers: number
  readonly peers: SimPeers
  /** A process has the state from now on. */
  readonly onOpened: (place: Place, store: SharedMemoryStore) => void
}

/** The one who founds the cluster learns its id when it has given itself one. */
const FOUNDED_WITHIN_MS = 300

/** The stores of several servers that keep the state in their memories, and the copies on their disks. */
export class SimMemory {
  readonly #deps: SimMemoryDeps
  readonly #copies = new Map<NodeId, SimFile>()
  #isFounded = false

  constructor(deps: SimMemoryDeps) {
    this.#deps = deps
  }

  /** Resolves when the process has the state. The first server founds the cluster, once. */
  async open({ id, machine, user }: Place): Promise<SharedMemoryStore> {
    const { around, servers, peers, onOpened } = this.#deps
    const { faults, rng, observe } = around
    const log = simLog(user, observe)
    const disk = new SimDisk(this.#copyOf(id), user, rng.split(`copy ${user.name}`), faults)
    const deps = { clock: user.clock, log, others: servers - 1, copy: new StateCopy(disk, log) }
    const join = (events: PeerEvents): void => peers.join({ id, machine, user, events })
    if (id === 1 && !this.#isFounded) {
      this.#isFounded = true
      const store = SharedMemoryStore.found(deps)
      user.clock.callAt(user.clock.now() + rng.below(FOUNDED_WITHIN_MS), () => {
        store.become(id)
        join(store)
      })
      onOpened({ id, machine, user }, store)
      return store
    }
    const store = await SharedMemoryStore.open(deps, id)
    if (user.alive) join(store)
    await store.untilThere()
    onOpened({ id, machine, user }, store)
    return store
  }

  /** Other servers hear nothing of that process while it stands still. */
  fallSilent(user: Mortal): void {
    this.#deps.peers.fallSilent(user)
  }

  #copyOf(id: NodeId): SimFile {
    const copy = this.#copies.get(id) ?? new SimFile(() => undefined)
    this.#copies.set(id, copy)
    return copy
  }
}
