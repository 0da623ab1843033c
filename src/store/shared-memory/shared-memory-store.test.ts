import { expect, test } from 'vitest'
import { storeContract } from '../../../test/contract/store.contract.ts'
import { PeerNetwork } from '../../../test/peer-network.ts'
import { VirtualClock } from '../../../test/sim/clock.ts'
import type { NodeId } from '../../core/model/ids.ts'
import { keyOf, LEADERSHIP_KEY } from '../../core/model/objects.ts'
import type { DurableText } from '../../ports/host.ts'
import type { Log } from '../../ports/log.ts'
import type { CommitOutcome, Lease } from '../../ports/store.ts'
import { Mirror } from '../mirror.ts'
import { SharedMemoryStore } from './shared-memory-store.ts'
import { StateCopy } from './state-copy.ts'

const NEVER = new AbortController().signal
const quiet: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore }

function ignore(): void {
  // Nothing of it is looked at.
}

function aClock(): VirtualClock {
  return new VirtualClock({ guarded: false })
}

function aDisk(): DurableText {
  let text: string | null = null
  return {
    read: async () => text,
    write: async (next) => {
      text = next
    },
  }
}

storeContract('shared memory, alone', async () => ({
  store: SharedMemoryStore.found({ clock: aClock(), log: quiet, others: 2, copy: null }),
  dispose: async () => undefined,
}))

storeContract('shared memory, through a follower', async () => {
  const clock = aClock()
  const network = new PeerNetwork(clock)
  const deps = { clock, log: quiet, others: 1, copy: null }
  const keeper = SharedMemoryStore.found(deps)
  keeper.become(1)
  network.join(1, keeper)
  const store = await SharedMemoryStore.open(deps, 2)
  network.join(2, store)
  let open = true
  // The contract waits for what the store says, so time must go on by itself.
  const passing = (async (): Promise<void> => {
    while (open) await clock.runUntil(clock.now() + 1_000, () => open)
  })()
  await store.untilThere()
  return {
    store: {
      kind: store.kind,
      load: () => store.load(),
      commit: (commit) => store.commit(commit),
      watch: (...of) => store.watch(...of),
      // The lease is for the keeper alone.
      campaign: (holder, signal) => keeper.campaign(holder, signal),
      close: async () => {
        await store.close()
        await keeper.close()
      },
    },
    dispose: async () => {
      open = false
      await passing
    },
  }
})

/** Servers with the ids 1 to n, of which the first has founded the cluster. */
class Servers {
  readonly clock = aClock()
  readonly network = new PeerNetwork(this.clock)
  readonly stores = new Map<NodeId, SharedMemoryStore>()
  readonly leases = new Map<NodeId, Lease>()
  readonly #disks = new Map<NodeId, DurableText>()
  readonly #others: number

  constructor(count: number) {
    this.#others = count - 1
  }

  static async start(count: number): Promise<Servers> {
    const servers = new Servers(count)
    const first = SharedMemoryStore.found(servers.#deps(1))
    first.become(1)
    servers.#add(1, first)
    await servers.pass(10)
    await servers.lead(1)
    for (let id = 2; id <= count; id++) await servers.open(id)
    await servers.pass(100)
    return servers
  }

  async open(id: NodeId, reaches: (other: NodeId) => boolean = () => true): Promise<void> {
    this.#add(id, await SharedMemoryStore.open(this.#deps(id), id), reaches)
  }

  kill(id: NodeId): void {
    this.network.leave(id)
    // It must not go on by itself, or write to its disk.
    void this.store(id).close()
    this.stores.delete(id)
    this.leases.delete(id)
  }

  pass(ms: number): Promise<void> {
    return this.clock.runUntil(this.clock.now() + ms, () => true)
  }

  /** What the server does that has the lease: it takes the next epoch. */
  async lead(id: NodeId): Promise<number> {
    const mirror = await Mirror.open(this.store(id))
    const held = mirror.get(LEADERSHIP_KEY)
    const epoch = (held?.value.epoch ?? 0) + 1
    const value = { epoch, holder: `s${id}`, address: null, since: 0 }
    const expect = [{ key: LEADERSHIP_KEY, revision: held?.revision ?? 0 }]
    await this.commit(id, { epoch: null, expect, writes: [{ put: LEADERSHIP_KEY, value }], events: [] })
    mirror.close()
    return epoch
  }

  async label(id: NodeId, name: string, floor: number): Promise<CommitOutcome['kind']> {
    const put = keyOf('server', name)
    const value = { name, address: null, version: String(floor), level: 1 }
    return (await this.commit(id, { epoch: null, expect: [], writes: [{ put, value }], events: [] })).kind
  }

  async commit(id: NodeId, commit: Parameters<SharedMemoryStore['commit']>[0]): Promise<CommitOutcome> {
    const outcome = this.store(id).commit(commit)
    // The test looks at it below; here it must only not go unheard.
    outcome.catch(() => undefined)
    await this.pass(20)
    return outcome
  }

  async epochs(): Promise<readonly number[]> {
    return Promise.all([...this.stores.values()].map(async (store) => epochOf(await store.load())))
  }

  /** The servers that have the lease now. */
  leaders(): readonly NodeId[] {
    return [...this.leases].filter(([, { lost }]) => !lost.aborted).map(([id]) => id)
  }

  store(id: NodeId): SharedMemoryStore {
    const store = this.stores.get(id)
    if (store === undefined) throw new Error(`server ${id} is not there`)
    return store
  }

  #deps(id: NodeId): Parameters<typeof SharedMemoryStore.found>[0] {
    const disk = this.#disks.get(id) ?? aDisk()
    this.#disks.set(id, disk)
    return { clock: this.clock, log: quiet, others: this.#others, copy: new StateCopy(disk, quiet) }
  }

  #add(id: NodeId, store: SharedMemoryStore, reaches: (other: NodeId) => boolean = () => true): void {
    this.stores.set(id, store)
    this.network.join(id, store, reaches)
    void this.#campaign(id, store)
  }

  async #campaign(id: NodeId, store: SharedMemoryStore): Promise<void> {
    for (;;) {
      const lease = await store.campaign(`s${id}`, NEVER)
      if (this.stores.get(id) !== store) return
      this.leases.set(id, lease)
      await new Promise((resolve) => lease.lost.addEventListener('abort', resolve))
    }
  }
}

function epochOf({ records }: Awaited<ReturnType<SharedMemoryStore['load']>>): number {
  const value = records.find(({ key }) => key === LEADERSHIP_KEY)?.value
  return value !== undefined && 'epoch' in value ? value.epoch : 0
}

async function serversIn(store: SharedMemoryStore): Promise<string> {
  const { records } = await store.load()
  return records.flatMap(({ key }) => (key.startsWith('server/') ? [key.slice(7)] : [])).join()
}

test('the lowest id has the lease; when it is lost the next lowest has it, and gives it back', async () => {
  const servers = await Servers.start(3)
  expect(servers.leaders()).toEqual([1])
  servers.kill(1)
  await servers.pass(1_000)
  expect(servers.leaders()).toEqual([2])
  expect(await servers.lead(2)).toBe(2)
  await servers.open(1)
  await servers.pass(1_000)
  expect(servers.leaders()).toEqual([1])
  expect(await servers.lead(1)).toBe(3)
  await servers.pass(100)
  expect(await servers.epochs()).toEqual([3, 3, 3])
})

test('a commit on any server is on every server, and survives the loss of the one that judged it', async () => {
  const servers = await Servers.start(3)
  expect(await servers.label(3, 'x', 1)).toBe('committed')
  servers.kill(1)
  await servers.pass(10)
  expect(await servers.label(3, 'y', 1).catch((error: unknown) => error)).toMatchObject({ code: 'UNAVAILABLE' })
  await servers.pass(1_000)
  expect(await servers.label(3, 'z', 1)).toBe('committed')
  expect(await serversIn(servers.store(2))).toBe('x,z')
})

test('a commit whose answer is lost with the connection has an unknown outcome', async () => {
  const servers = await Servers.start(2)
  const put = keyOf('server', 'x')
  const value = { name: 'x', address: null, version: '1', level: 1 }
  const outcome = servers.store(2).commit({ epoch: null, expect: [], writes: [{ put, value }], events: [] })
  servers.network.cut(() => true)
  await servers.pass(100)
  expect((await outcome).kind).toBe('unknown')
})

test('two sides of a partition each have a leader; together again the newer state goes on with the members of both', async () => {
  const servers = await Servers.start(3)
  servers.network.cut((a) => a === 1)
  await servers.pass(1_000)
  expect(servers.leaders()).toEqual([1, 2])
  await servers.lead(2)
  await servers.label(1, 'met-by-1', 1)
  await servers.label(3, 'met-by-2', 1)
  const before = Math.max(
    ...(await Promise.all([1, 2, 3].map((id) => servers.store(id).load()))).map((s) => s.revision),
  )
  servers.network.heal()
  await servers.pass(1_000)
  expect(servers.leaders()).toEqual([1])
  expect(await servers.lead(1)).toBe(3)
  await servers.pass(100)
  for (const store of servers.stores.values()) {
    expect(await serversIn(store)).toBe('met-by-1,met-by-2')
    expect((await store.load()).revision).toBeGreaterThan(before)
  }
})

test('a server that was paused comes back to what happened meanwhile', async () => {
  const servers = await Servers.start(3)
  const mirror = await Mirror.open(servers.store(1))
  servers.network.cut((a) => a === 1)
  await servers.pass(1_000)
  await servers.label(2, 'new', 1)
  servers.network.heal()
  await servers.pass(1_000)
  expect(mirror.get(keyOf('server', 'new'))?.value.name).toBe('new')
  expect(servers.leaders()).toEqual([1])
})

test('a follower that comes back disturbs nobody', async () => {
  const servers = await Servers.start(3)
  const { lost } = servers.leases.get(1) ?? { lost: AbortSignal.abort() }
  servers.kill(3)
  await servers.pass(1_000)
  await servers.label(2, 'x', 1)
  await servers.open(3)
  await servers.pass(1_000)
  expect(await serversIn(servers.store(3))).toBe('x')
  expect(lost.aborted).toBe(false)
})

test('when all servers have ended, the state is there again from the copies on their disks', async () => {
  const servers = await Servers.start(3)
  await servers.label(1, 'x', 1)
  const { revision } = await servers.store(1).load()
  for (const id of [1, 2, 3]) servers.kill(id)
  await servers.pass(100)
  await servers.open(3)
  await servers.open(2)
  await servers.pass(5_000)
  expect(servers.leaders()).toEqual([2])
  expect(await serversIn(servers.store(3))).toBe('x')
  expect((await servers.store(3).load()).revision).toBeGreaterThan(revision)
  expect(await servers.lead(2)).toBe(2)
})

test('a server without any state waits for one that has it', async () => {
  const servers = new Servers(2)
  await servers.open(1)
  await servers.pass(60_000)
  expect(servers.leaders()).toEqual([])
  expect(
    await servers
      .store(1)
      .commit({ epoch: null, expect: [], writes: [], events: [] })
      .catch((e: unknown) => e),
  ).toMatchObject({
    code: 'UNAVAILABLE',
  })
})
