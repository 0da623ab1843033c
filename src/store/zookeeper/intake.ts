import { OperationalError } from '../../core/errors.ts'
import type { StoreRevision } from '../../core/model/ids.ts'
import { compareText } from '../../lib/collections.ts'
import type { StateIntake } from '../../ports/intake.ts'
import type { Snapshot, StoreRecord } from '../../ports/store.ts'
import { drawHex } from '../draw-hex.ts'
import type { Client } from './client.ts'
import { createParents } from './create-state.ts'
import { parseEndpoint } from './endpoint.ts'
import { corrupt, RefusedByServer } from './failures.ts'
import { encodeHead, encodeObject, Layout } from './format.ts'
import { CODE, type Step } from './protocol.ts'
import { readObjects } from './read-state.ts'
import { SessionKeeper } from './session-keeper.ts'
import type { ZooKeeperOptions } from './zookeeper-store.ts'

const EMPTY = Buffer.alloc(0)
/** ZooKeeper takes a megabyte at once; a single object may be half of that. */
const BATCH_STEPS = 200
const BATCH_BYTES = 400_000

/** Takes a state in below a root: the head, without which nobody opens it, comes last. */
export class ZooKeeperIntake implements StateIntake {
  readonly #keeper: SessionKeeper
  readonly #layout: Layout
  readonly #storeId: string
  /** Version of the mark's node: who writes later than another intake began is refused. */
  #mark = 0

  private constructor(keeper: SessionKeeper, layout: Layout, storeId: string) {
    this.#keeper = keeper
    this.#layout = layout
    this.#storeId = storeId
  }

  /**
   * Begins below a root that holds nothing, or what an intake left that was cut off; with `replace` a state that is there is
   * removed. Throws ALREADY_EXISTS, and STORE_CORRUPT where something else is kept.
   */
  static async begin(options: ZooKeeperOptions, replace: boolean): Promise<ZooKeeperIntake> {
    const layout = new Layout(options.root, options.sessionPath ?? null)
    const { clock, rng, tls = null, auth: digest = null, sessionTimeoutMs: timeoutMs } = options
    const servers = options.hosts.map(parseEndpoint)
    const keeper = new SessionKeeper({ servers, timeoutMs, tls, digest, clock, rng })
    const intake = new ZooKeeperIntake(keeper, layout, drawHex(rng))
    try {
      await intake.#begin(keeper.client, replace)
      return intake
    } catch (error) {
      await keeper.close()
      throw error
    }
  }

  async write({ records }: Snapshot, onWritten: (records: number) => void): Promise<void> {
    const kinds = new Set(records.map(({ key }) => key.slice(0, key.indexOf('/'))))
    await this.#land([...kinds].map((kind) => ({ kind: 'create', path: this.#layout.kind(kind), data: EMPTY })))
    let steps: Step[] = []
    let bytes = 0
    let written = 0
    for (const { key, revision, value } of records) {
      const data = encodeObject(revision, JSON.stringify(value))
      if (steps.length === BATCH_STEPS || (steps.length > 0 && bytes + data.length > BATCH_BYTES)) {
        await this.#land(steps)
        written += steps.length
        onWritten(written)
        steps = []
        bytes = 0
      }
      steps.push({ kind: 'create', path: this.#layout.object(key), data })
      bytes += data.length
    }
    if (steps.length > 0) await this.#land(steps)
    onWritten(records.length)
  }

  async read(): Promise<readonly StoreRecord[]> {
    const { client } = this.#keeper
    await client.sync(this.#layout.root)
    const { records } = await readObjects(client, this.#layout)
    return [...records].sort((a, b) => compareText(a.key, b.key))
  }

  async open(revision: StoreRevision): Promise<void> {
    const { head, intake } = this.#layout
    const data = encodeHead({ storeId: this.#storeId, revision })
    await this.#land([
      { kind: 'create', path: head, data },
      { kind: 'delete', path: intake },
    ])
  }

  async close(): Promise<void> {
    await this.#keeper.close()
  }

  async #begin(client: Client, replace: boolean): Promise<void> {
    const { root, head, intake } = this.#layout
    await createParents(client, `${root}/`)
    await createParents(client, `${this.#layout.election}/`)
    const isThere = await client.exists(head)
    const wasBegun = await client.exists(intake)
    if (isThere && !replace) throw exists(root)
    const found = ((await client.children(root)) ?? []).filter((name) => !this.#layout.leadsToSessions(name))
    if (!isThere && !wasBegun && found.some((name) => `${root}/${name}` !== this.#layout.ownElection)) {
      throw corrupt(root, `it holds something else (${found.slice(0, 3).join(', ')})`)
    }
    if (!(await client.create(intake, EMPTY))) await client.set(intake, EMPTY, -1)
    // The version tells those apart who begin here one after the other.
    this.#mark = (await client.get(intake))?.version ?? 0
    for (const path of [head, this.#layout.objects, this.#layout.log, this.#layout.turn])
      await this.#clear(client, path)
    const { objects, log, turn, ownElection } = this.#layout
    for (const path of [objects, log, turn, ownElection]) await client.create(path, EMPTY)
  }

  /** Removes a node and all below it, the deepest first. */
  async #clear(client: Client, path: string): Promise<void> {
    for (const name of (await client.children(path)) ?? []) await this.#clear(client, `${path}/${name}`)
    await client.remove(path)
  }

  async #land(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return
    const check: Step = { kind: 'check', path: this.#layout.intake, version: this.#mark }
    const result = await this.#keeper.client.multi([check, ...steps])
    if (result.kind === 'done') return
    if (result.code === CODE.badVersion || result.code === CODE.noNode || result.code === CODE.nodeExists) {
      throw new OperationalError('CONFLICT', `somebody else writes to ZooKeeper at ${this.#layout.root}`, {
        hint: 'let one finish, then look what is there',
      })
    }
    throw new RefusedByServer(result.code, `to take a state in at ${this.#layout.root}`)
  }
}

function exists(root: string): OperationalError {
  return new OperationalError('ALREADY_EXISTS', `there is a state in ZooKeeper at ${root} already`, {
    hint: 'name another one with --backend-namespace, or add --replace to remove it',
  })
}
