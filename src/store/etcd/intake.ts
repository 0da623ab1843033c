import { OperationalError } from '../../core/errors.ts'
import type { StoreRevision } from '../../core/model/ids.ts'
import type { Key } from '../../core/model/objects.ts'
import type { StateIntake } from '../../ports/intake.ts'
import type { Snapshot, StoreRecord } from '../../ports/store.ts'
import { drawHex } from '../draw-hex.ts'
import { EtcdConnection } from './connection.ts'
import type { EtcdOptions } from './etcd-store.ts'
import { toOperational } from './failure.ts'
import type { KeyValue, Op, TxnRequest, TxnResponse } from './kv-messages.ts'
import { corrupt, decodeObject, encodeHead, encodeObject, FORMAT_VERSION, Layout } from './layout.ts'
import { RANGE, TXN } from './methods.ts'

const PAGE = 500
/** etcd takes 128 operations and 1.5 MB in one transaction; a single object may be half a megabyte. */
const BATCH_OPS = 100
const BATCH_CHARACTERS = 400_000
const REQUEST_TIMEOUT_MS = 10_000

/** Takes a state in under a namespace: the head, without which nobody opens it, comes last. */
export class EtcdIntake implements StateIntake {
  readonly #connection: EtcdConnection
  readonly #layout: Layout
  /** Names the state that comes to be, and this intake until then. */
  readonly #store: string
  /** etcd's revision of the mark: who writes later than another intake began is refused. */
  #mark = 0

  private constructor(connection: EtcdConnection, layout: Layout, store: string) {
    this.#connection = connection
    this.#layout = layout
    this.#store = store
  }

  /**
   * Begins under a namespace that holds nothing, or what an intake left that was cut off; with `replace` a state that is
   * there is removed. Throws ALREADY_EXISTS, and STORE_CORRUPT where something else is kept.
   */
  static async begin(options: EtcdOptions, replace: boolean): Promise<EtcdIntake> {
    const layout = new Layout(options.namespace)
    const connection = new EtcdConnection({ requestTimeoutMs: REQUEST_TIMEOUT_MS, ...options })
    const intake = new EtcdIntake(connection, layout, drawHex(options.rng))
    try {
      await intake.#begin(replace)
      return intake
    } catch (error) {
      connection.close()
      throw error
    }
  }

  async write({ records }: Snapshot, onWritten: (records: number) => void): Promise<void> {
    let ops: Op[] = []
    let characters = 0
    let written = 0
    for (const { key, revision, value } of records) {
      const text = encodeObject(JSON.stringify(value), revision)
      if (ops.length === BATCH_OPS || (ops.length > 0 && characters + text.length > BATCH_CHARACTERS)) {
        await this.#put(ops)
        written += ops.length
        onWritten(written)
        ops = []
        characters = 0
      }
      ops.push({ kind: 'put', key: this.#layout.keyOf(key), value: text })
      characters += text.length
    }
    if (ops.length > 0) await this.#put(ops)
    onWritten(records.length)
  }

  async read(): Promise<readonly StoreRecord[]> {
    const { rangeEnd } = this.#layout.objects
    let { key } = this.#layout.objects
    const records: StoreRecord[] = []
    for (;;) {
      const page = await this.#asking(() => this.#connection.ask(RANGE, { key, rangeEnd, limit: PAGE }))
      records.push(...page.kvs.map((kv) => this.#record(kv)))
      const last = page.kvs.at(-1)
      if (!page.more || last === undefined) return records
      key = `${last.key}\0`
    }
  }

  async open(revision: StoreRevision): Promise<void> {
    const { head, intake } = this.#layout
    const value = encodeHead({
      format: FORMAT_VERSION,
      store: this.#store,
      revision,
      first: revision,
      writer: '',
      turn: 0,
      deleted: {},
    })
    const success: Op[] = [
      { kind: 'delete', key: intake },
      { kind: 'put', key: head, value },
    ]
    const look: Op = { kind: 'range', range: { key: head } }
    const answer = await this.#txn({ compare: [this.#mine()], success, failure: [look] })
    // Asked again when an answer was lost: then it may have landed already.
    const landed = answer.ranges[0]?.kvs[0]?.value.toString('utf8').includes(this.#store) === true
    if (!answer.succeeded && !landed) throw this.#overtaken()
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  async #begin(replace: boolean): Promise<void> {
    const { everything, intake, head } = this.#layout
    const looks: Op[] = [intake, head].map((key) => ({ kind: 'range', range: { key, keysOnly: true } }))
    const first: Op = { kind: 'range', range: { ...everything, limit: 1, keysOnly: true } }
    const seen = await this.#txn({ compare: [], success: [...looks, first], failure: [] })
    const [mark, state, any] = seen.ranges.map(({ kvs }) => kvs[0])
    if (state !== undefined && !replace) throw exists(this.#layout)
    if (state === undefined && mark === undefined && any !== undefined) {
      throw corrupt(this.#layout, `it holds ${any.key}, but no state of Gantry`)
    }
    const compare = [
      { key: intake, target: 'mod' as const, revision: mark?.modRevision ?? 0 },
      { key: head, target: 'mod' as const, revision: state?.modRevision ?? 0 },
    ]
    // In two steps: etcd puts and deletes a key only once in a transaction.
    await this.#requireDone({ compare, success: [{ kind: 'delete', ...everything }], failure: [] })
    const nothing = { ...everything, target: 'create' as const, revision: 0 }
    const put: Op = { kind: 'put', key: intake, value: this.#store }
    const placed = await this.#txn({ compare: [nothing], success: [put], failure: [looks[0] ?? put] })
    this.#mark = placed.succeeded ? placed.revision : await this.#ownMark()
  }

  /** When the answer was lost the mark may be there already. */
  async #ownMark(): Promise<number> {
    const { kvs } = await this.#asking(() => this.#connection.ask(RANGE, { key: this.#layout.intake }))
    const [mark] = kvs
    if (mark?.value.toString('utf8') === this.#store) return mark.modRevision
    throw this.#overtaken()
  }

  #put(ops: readonly Op[]): Promise<void> {
    return this.#requireDone({ compare: [this.#mine()], success: ops, failure: [] })
  }

  async #requireDone(txn: TxnRequest): Promise<void> {
    const { succeeded } = await this.#txn(txn)
    if (!succeeded) throw this.#overtaken()
  }

  /** May be sent twice: everything that is done here can be. */
  #txn(txn: TxnRequest): Promise<TxnResponse> {
    return this.#asking(() => this.#connection.ask(TXN, txn))
  }

  async #asking<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      throw toOperational('take a state in', error)
    }
  }

  #mine(): TxnRequest['compare'][number] {
    return { key: this.#layout.intake, target: 'mod', revision: this.#mark }
  }

  #record(kv: KeyValue): StoreRecord {
    const key = this.#layout.objectOf(kv.key)
    const object = decodeObject(kv.value)
    if (key === null || object === null) throw corrupt(this.#layout, `${kv.key} was not written by Gantry`)
    return { key: key as Key, ...object }
  }

  #overtaken(): OperationalError {
    return new OperationalError('CONFLICT', `somebody else writes to etcd under ${this.#layout.namespace}`, {
      hint: 'let one finish, then look what is there',
    })
  }
}

function exists({ namespace }: Layout): OperationalError {
  return new OperationalError('ALREADY_EXISTS', `there is a state in etcd under ${namespace} already`, {
    hint: 'name another one with --backend-namespace, or add --replace to remove it',
  })
}
