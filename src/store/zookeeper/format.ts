import type { StoreRevision } from '../../core/model/ids.ts'
import type { Key, ObjectKind, ObjectTypes } from '../../core/model/objects.ts'
import type { ChangeBatch, StoreRecord } from '../../ports/store.ts'
import { corrupt } from './failures.ts'

/**
 * Format of what is kept below the root.
 *
 * - 1: head (who it is, how far it is), objects/<kind>/<id> (revision, value), log/<revision> (changes of one commit).
 */
export const FORMAT_VERSION = 1

/** Stands in every head, so that another program's nodes are never taken for ours. */
const MARK = 'gantry-state'

/** Who the state is and how far it is. */
export interface Head {
  readonly storeId: string
  readonly revision: StoreRevision
}

/** Where everything is. */
export class Layout {
  readonly root: string
  readonly #sessionPath: string | null

  /** Both begin with a slash and do not end with one. Candidates stand below the session path, if there is one. */
  constructor(root: string, sessionPath: string | null = null) {
    this.root = root
    this.#sessionPath = sessionPath
  }

  get head(): string {
    return `${this.root}/head`
  }

  /** Stands there while a whole state is being taken in, which nobody can use yet. */
  get intake(): string {
    return `${this.root}/intake`
  }

  get objects(): string {
    return `${this.root}/objects`
  }

  get log(): string {
    return `${this.root}/log`
  }

  /** Clusters may share a session path, so the root is part of it. */
  get election(): string {
    return this.#sessionPath === null ? this.ownElection : this.#sessionPath + this.root
  }

  get ownElection(): string {
    return `${this.root}/election`
  }

  /** Whether a node of this name right below the root leads to the candidates, and is no part of the state. */
  leadsToSessions(name: string): boolean {
    return this.#sessionPath !== null && `${this.#sessionPath}/`.startsWith(`${this.root}/${name}/`)
  }

  /** Who asked last for a turn to write. */
  get turn(): string {
    return `${this.root}/turn`
  }

  kind(kind: string): string {
    return `${this.objects}/${kind}`
  }

  object(key: Key): string {
    const slash = key.indexOf('/')
    return `${this.kind(key.slice(0, slash))}/${encodeId(key.slice(slash + 1))}`
  }

  entry(revision: StoreRevision): string {
    return `${this.log}/${entryName(revision)}`
  }
}

/** Names of log entries sort as text: 16 digits hold every safe integer. */
export function entryName(revision: StoreRevision): string {
  return String(revision).padStart(16, '0')
}

/** An id as the name of a node: percent signs for all that ZooKeeper does not allow in names. */
function encodeId(id: string): string {
  const encoded = encodeURIComponent(id)
  return encoded === '.' || encoded === '..' ? encoded.replaceAll('.', '%2E') : encoded
}

/** The key of the object that a node of this name keeps. Throws STORE_CORRUPT for a name that no object has. */
export function keyOfNode(layout: Layout, kind: string, name: string): Key {
  try {
    return `${kind as ObjectKind}/${decodeURIComponent(name)}`
  } catch (cause) {
    throw corrupt(layout.root, `objects/${kind} holds a foreign node ${name}`, { cause })
  }
}

export function encodeHead({ storeId, revision }: Head): Buffer {
  return Buffer.from(JSON.stringify({ mark: MARK, format: FORMAT_VERSION, storeId, revision }))
}

/** Throws STORE_CORRUPT for a head that is foreign, newer or damaged. */
export function decodeHead(root: string, data: Buffer): Head {
  const head = fieldsOf(data)
  if (head['mark'] !== MARK) throw corrupt(root, 'it belongs to another program')
  const { format, storeId, revision } = head
  if (typeof format === 'number' && format > FORMAT_VERSION) {
    throw corrupt(root, `it was written by a newer Gantry (format ${format}, this one knows ${FORMAT_VERSION})`, {
      hint: 'use the newer Gantry, or put back a backup from before the upgrade',
    })
  }
  if (format !== FORMAT_VERSION || typeof storeId !== 'string' || !Number.isSafeInteger(revision)) {
    throw corrupt(root, 'its head is damaged')
  }
  return { storeId, revision: Number(revision) }
}

/** What a node keeps of an object; `text` is its value as JSON. */
export function encodeObject(revision: StoreRevision, text: string): Buffer {
  return Buffer.from(`{"revision":${revision},"value":${text}}`)
}

export function decodeObject(root: string, key: Key, data: Buffer): StoreRecord {
  const { revision, value } = fieldsOf(data)
  if (typeof revision !== 'number' || !(revision > 0) || typeof value !== 'object' || value === null) {
    throw corrupt(root, `object ${key} is damaged`)
  }
  return { key, revision, value: value as ObjectTypes[ObjectKind] }
}

/** One change as the log keeps it. */
export interface LoggedChange {
  readonly key: Key
  /** As JSON; null: deleted. */
  readonly text: string | null
}

/**
 * What the log keeps of one commit. Values that are too large to be sent twice are left out (`whole` false): who follows
 * the log reads them from their objects, as long as these still have the commit's revision.
 */
export function encodeEntry(changes: readonly LoggedChange[], whole: boolean): Buffer {
  const items = changes.map(({ key, text }) => {
    if (text === null) return `{"key":${JSON.stringify(key)},"value":null}`
    return whole ? `{"key":${JSON.stringify(key)},"value":${text}}` : `{"key":${JSON.stringify(key)}}`
  })
  return Buffer.from(`[${items.join(',')}]`)
}

/** One change as it is read; `value` undefined: its object has it. */
export interface EntryChange {
  readonly key: Key
  readonly value?: ChangeBatch['changes'][number]['value']
}

export function decodeEntry(root: string, revision: StoreRevision, data: Buffer): readonly EntryChange[] {
  const changes = parsed(data)
  if (Array.isArray(changes) && changes.every(isChange)) return changes
  throw corrupt(root, `log entry ${revision} is damaged`)
}

function isChange(change: unknown): change is EntryChange {
  return typeof change === 'object' && change !== null && 'key' in change && typeof change.key === 'string'
}

function fieldsOf(data: Buffer): Readonly<Record<string, unknown>> {
  const value = parsed(data)
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** null for what is not JSON: whoever asked says what that means. */
function parsed(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
