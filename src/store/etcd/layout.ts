import { OperationalError } from '../../core/errors.ts'
import type { StoreRevision } from '../../core/model/ids.ts'
import type { Key, ObjectKind, ObjectTypes } from '../../core/model/objects.ts'

/**
 * Format of what is kept under a namespace.
 *
 * - 1: `head` and `objects/<kind>/<id>`, JSON; `election/<lease>`.
 */
export const FORMAT_VERSION = 1

/** The one key that every commit rewrites: whoever may write it may write everything that goes with it. */
export interface Head {
  readonly format: number
  /** 16 hex digits, drawn when the state was made. */
  readonly store: string
  /** storeRevision of the newest commit. */
  readonly revision: StoreRevision
  /** storeRevision of the first commit that was written together with it, in one transaction. */
  readonly first: StoreRevision
  /** Who wrote it, and its how manieth transaction it was: tells a writer whose answer was lost that it landed. */
  readonly writer: string
  readonly turn: number
  /** What that transaction deleted, each with the storeRevision of its commit: a deleted key cannot carry it. */
  readonly deleted: Readonly<Record<string, StoreRevision>>
}

/** Where things are under one namespace. */
export class Layout {
  readonly namespace: string
  readonly head: string
  readonly election: string
  readonly #objects: string

  /** Throws CONFIG_INVALID for a namespace that cannot be one. */
  constructor(namespace: string) {
    if (!/^[\w.-]+(\/[\w.-]+)*$/.test(namespace)) {
      throw new OperationalError('CONFIG_INVALID', `cannot use the namespace ${JSON.stringify(namespace)} in etcd`, {
        hint: 'use letters, digits, dots, dashes and underscores, with slashes between parts',
      })
    }
    this.namespace = namespace
    this.head = `${namespace}/head`
    this.election = `${namespace}/election/`
    this.#objects = `${namespace}/objects/`
  }

  /** Stands there while a whole state is being taken in, which nobody can use yet. */
  get intake(): string {
    return `${this.namespace}/intake`
  }

  /** Everything under the namespace. */
  get everything(): { readonly key: string; readonly rangeEnd: string } {
    return { key: `${this.namespace}/`, rangeEnd: afterPrefix(`${this.namespace}/`) }
  }

  /** All objects. */
  get objects(): { readonly key: string; readonly rangeEnd: string } {
    return { key: this.#objects, rangeEnd: afterPrefix(this.#objects) }
  }

  /** The head and all objects: neighbours in the order of keys, the head first. */
  get state(): { readonly key: string; readonly rangeEnd: string } {
    return { key: this.head, rangeEnd: afterPrefix(this.#objects) }
  }

  keyOf(key: Key): string {
    return this.#objects + key
  }

  /** null: not the key of an object. */
  objectOf(etcdKey: string): Key | null {
    return etcdKey.startsWith(this.#objects) ? (etcdKey.slice(this.#objects.length) as Key) : null
  }
}

/** End of the range of all keys with this prefix, which ends in a slash. */
export function afterPrefix(prefix: string): string {
  // The character after the slash.
  return `${prefix.slice(0, -1)}0`
}

export function encodeObject(json: string, revision: StoreRevision): string {
  return `{"revision":${revision},"value":${json}}`
}

/** null: not written by Gantry. */
export function decodeObject(
  bytes: Buffer,
): { readonly revision: StoreRevision; readonly value: ObjectTypes[ObjectKind] } | null {
  const object = parse(bytes) as { revision?: unknown; value?: unknown } | null
  if (typeof object?.revision !== 'number' || typeof object.value !== 'object' || object.value === null) return null
  return { revision: object.revision, value: object.value as ObjectTypes[ObjectKind] }
}

export function encodeHead(head: Head): string {
  return JSON.stringify(head)
}

/** Throws STORE_CORRUPT for a head that is foreign, damaged or newer. */
export function decodeHead(layout: Layout, bytes: Buffer): Head {
  const head = parse(bytes) as Partial<Head> | null
  if (typeof head?.format !== 'number') throw corrupt(layout, `${layout.head} was not written by Gantry`)
  if (head.format > FORMAT_VERSION) {
    throw corrupt(
      layout,
      `it was written by a newer Gantry (format ${head.format}, this one knows ${FORMAT_VERSION})`,
      {
        hint: 'use the newer Gantry, or put back a backup from before the upgrade',
      },
    )
  }
  if (typeof head.store !== 'string' || typeof head.revision !== 'number' || typeof head.first !== 'number') {
    throw corrupt(layout, `${layout.head} is damaged`)
  }
  return head as Head
}

/** The refusal to use what is there; it was not touched. */
export function corrupt(layout: Layout, what: string, options: { hint?: string } = {}): OperationalError {
  return new OperationalError('STORE_CORRUPT', `cannot use the state in etcd under ${layout.namespace}: ${what}`, {
    hint: options.hint ?? 'nothing was changed; choose another namespace, or put back a backup',
  })
}

function parse(bytes: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' ? value : null
  } catch {
    // Not JSON, so not ours; the caller says so.
    return null
  }
}
