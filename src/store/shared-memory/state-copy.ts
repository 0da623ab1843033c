import type { HeldState } from '../../core/replica/take-over.ts'
import { keptJson } from '../../lib/kept-json.ts'
import type { DurableText } from '../../ports/host.ts'
import type { Log } from '../../ports/log.ts'
import type { StoreRecord } from '../../ports/store.ts'

const FORMAT = 1
/** Of all events; the newest. */
const KEPT_EVENTS = 500

/** Keeps a copy of the state on a server's disk, so that the cluster is there again when all servers have ended. */
export class StateCopy {
  readonly #file: DurableText
  readonly #log: Log
  #next: (() => HeldState) | null = null
  #writing: Promise<void> | null = null

  constructor(file: DurableText, log: Log) {
    this.#file = file
    this.#log = log
  }

  /** null: there is none. One that cannot be read counts as none, for others may have the state. */
  async read(): Promise<HeldState | null> {
    try {
      const text = await this.#file.read()
      return text === null ? null : parse(text)
    } catch (error) {
      this.#log.warn('cannot read the copy of the state', { reason: String(error) })
      return null
    }
  }

  /** Writes the state as it is when its turn comes; many changes make one write. */
  write(state: () => HeldState): void {
    this.#next = state
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null
    })
  }

  /** Resolves when everything is written. */
  async settled(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#next !== null) {
      const state = this.#next()
      this.#next = null
      try {
        await this.#file.write(print(state))
      } catch (error) {
        this.#log.warn('cannot write the copy of the state', { reason: String(error) })
      }
    }
  }
}

/** A change is mostly of one record: the others keep their text. */
function print({ tenures, revision, records }: HeldState): string {
  const head = JSON.stringify({ format: FORMAT, tenures, revision }).slice(0, -1)
  return `${head},"records":[${withoutOldEvents(records).map(keptJson).join(',')}]}`
}

function withoutOldEvents(records: readonly StoreRecord[]): readonly StoreRecord[] {
  const events = records.filter(({ key }) => key.startsWith('event/'))
  if (events.length <= KEPT_EVENTS) return records
  const dropped = new Set(events.slice(0, -KEPT_EVENTS).map(({ key }) => key))
  return records.filter(({ key }) => !dropped.has(key))
}

function parse(text: string): HeldState {
  const { format, tenures, revision, records } = JSON.parse(text) as HeldState & { readonly format: number }
  if (format === FORMAT && Array.isArray(tenures) && Array.isArray(records)) return { tenures, revision, records }
  throw new Error(`it has format ${format}, not ${FORMAT}`)
}
