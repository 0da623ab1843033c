import { join } from 'node:path'
import type { RevokedSerials } from '../control/revoked-serials.ts'
import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import type { Vigilance } from '../core/node/vigilance.ts'
import { systemClock } from '../drivers/clock.ts'
import { durableText } from '../drivers/durable-text.ts'
import { PEER_PROTOCOL, PeerLinks } from '../drivers/link/peers.ts'
import { systemRng } from '../drivers/rng.ts'
import { invariant } from '../lib/assert.ts'
import { sleep } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { SharedMemoryStore } from '../store/shared-memory/shared-memory-store.ts'
import { StateCopy } from '../store/shared-memory/state-copy.ts'
import { untilSignal } from './foreground.ts'
import { type Identity, readIdentity } from './identity.ts'
import type { LinkProtocols } from './link-service.ts'
import { beginServer } from './managed-etcd/begin.ts'
import { Progress } from './managed-etcd/progress.ts'
import { type ServerList, serverList } from './managed-etcd/server-list.ts'
import type { LinkOptions } from './node-process.ts'
import type { SharedMemoryOptions } from './open-store.ts'

export interface OpenOptions {
  readonly store: SharedMemoryOptions
  readonly link: LinkOptions | null
  readonly dataDir: string
  readonly name: string
  readonly vigilance: Vigilance
  readonly joinText: () => string | null
}

/** Who this server is by now, and whom it does not believe any more. */
export interface SharedMemoryIdentity {
  readonly identity: () => Identity | null
  readonly revoked: () => RevokedSerials | null
}

const SIGN_OF_LIFE_MS: Millis = 500
/** What servers that are there need to find each other; after that it is said for what one waits. */
const USUAL_MS: Millis = 3_000

/** This server's share of a state that is kept in the memories of several servers. */
export class SharedMemory {
  readonly store: SharedMemoryStore
  readonly #options: OpenOptions
  readonly #list: ServerList
  readonly #log: Log
  #first: Identity | null
  #who: SharedMemoryIdentity | null = null
  #links: PeerLinks | null = null
  #unfollow: () => void = () => undefined

  private constructor(
    store: SharedMemoryStore,
    options: OpenOptions,
    list: ServerList,
    first: Identity | null,
    log: Log,
  ) {
    this.store = store
    this.#options = options
    this.#list = list
    this.#first = first
    this.#log = log
  }

  /**
   * Makes this machine a server of the cluster, or founds it, and resolves when it has the state. Waits for the others, and
   * says for what. Throws PREREQUISITE, USAGE, UNAVAILABLE.
   */
  static open(options: OpenOptions, log: Log, say: (line: string) => void): Promise<SharedMemory> {
    const { dataDir, name, joinText } = options
    const link = linkOf(options)
    const list = serverList(options.store.seeds, link)
    const clock = systemClock()
    return untilSignal(async (signal) => {
      const progress = new Progress(clock, say, signal)
      const { mayFound } = await beginServer({ dataDir, name, host: list.own.host, list, joinText }, progress)
      const copy = new StateCopy(durableText(join(dataDir, 'memory.json')), log)
      const deps = { clock, log, others: list.others.length, copy }
      if (mayFound) return new SharedMemory(SharedMemoryStore.found(deps), options, list, null, log)
      const first = await readIdentity(dataDir)
      invariant(first !== null, 'a server that has begun knows who it is')
      const store = await SharedMemoryStore.open(deps, first.nodeId)
      const shared = new SharedMemory(store, options, list, first, log)
      try {
        shared.#dial()
        await shared.#untilThere(progress, signal)
        return shared
      } catch (error) {
        await shared.close()
        throw error
      }
    })
  }

  /** How the others reach it on this server's link. */
  readonly protocols: LinkProtocols = {
    [PEER_PROTOCOL]: (socket, peer) => {
      if (this.#links === null) socket.destroy()
      else this.#links.accept(socket, peer)
    },
  }

  /** From now on it is known who this server is, also if it has founded the cluster. */
  meet(who: SharedMemoryIdentity): void {
    this.#who = who
    const identity = who.identity()
    if (this.#links === null && identity !== null) {
      this.store.become(identity.nodeId)
      this.#dial()
    }
    this.#unfollow = who.revoked()?.onChange(() => this.#links?.judge()) ?? this.#unfollow
  }

  /** Leaves the others. */
  async close(): Promise<void> {
    this.#unfollow()
    this.#links?.close()
    await this.store.close()
  }

  #dial(): void {
    const { vigilance } = this.#options
    this.#links = new PeerLinks({
      identity: () => {
        const identity = this.#who?.identity() ?? this.#first
        invariant(identity !== null, 'a server that dials others has an identity')
        return identity
      },
      revoked: () => this.#who?.revoked()?.all ?? new Set(),
      address: this.#list.own.address,
      others: this.#list.others,
      everyMs: Math.min(SIGN_OF_LIFE_MS, vigilance.heartbeatMs),
      clock: systemClock(),
      rng: systemRng(),
      log: this.#log,
      events: this.store,
    })
  }

  async #untilThere(progress: Progress, signal: AbortSignal): Promise<void> {
    const found = this.store.untilThere().then(() => true)
    const late = sleep(systemClock(), USUAL_MS, signal).then(
      () => false,
      () => false,
    )
    let isThere = await Promise.race([found, late])
    void found.then(() => {
      isThere = true
    })
    while (!isThere) await progress.wait('no server that has the state of the cluster answers', 250)
  }
}

function linkOf({ link }: OpenOptions): LinkOptions {
  if (link !== null) return link
  throw new OperationalError('USAGE', 'servers that keep the state in their memories need --link', {
    hint: 'give --link HOST:7947, an address that the others reach',
  })
}
