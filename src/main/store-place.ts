import { existsSync } from 'node:fs'
import { OperationalError } from '../core/errors.ts'
import type { Lease, Snapshot, Store } from '../ports/store.ts'
import { endpointOf, flagsOfOwn, type OwnPlace } from './managed-etcd/own-place.ts'
import { openStore, type StoreOptions, type StoreSurroundings } from './open-store.ts'

/** Names a place for a state; the same for the same place. */
export function describePlace(options: StoreOptions | OwnPlace): string {
  switch (options.kind) {
    case 'managed-etcd':
      return `an etcd that the servers run, at ${endpointOf(options)} under ${options.options.namespace}`
    case 'memory':
      return 'memory'
    case 'sqlite':
      return `SQLite in ${options.path}`
    case 'etcd':
      return `etcd at ${options.endpoints.join(', ')} under ${options.namespace}`
    case 'zookeeper':
      return `ZooKeeper at ${options.hosts.join(', ')} under ${options.namespace}`
  }
}

/** What servers are started with to use it. */
export function flagsOf(options: StoreOptions | OwnPlace): string {
  switch (options.kind) {
    case 'managed-etcd':
      return flagsOfOwn(options)
    case 'memory':
    case 'sqlite':
      return `--backend-type ${options.kind}`
    case 'etcd':
    case 'zookeeper': {
      const where =
        options.kind === 'etcd'
          ? `--etcd-endpoints ${options.endpoints.join(',')}`
          : `--zk-hosts ${options.hosts.join(',')}`
      const secrets = options.user === null && options.tls === null ? '' : ' and the same files for its users and TLS'
      return `--backend-type ${options.kind} ${where} --backend-namespace ${options.namespace}${secrets}`
    }
  }
}

/** The state that is there; null: none, or one that nobody has written to, or one that was never finished. */
export async function stateAt(options: StoreOptions, surroundings: StoreSurroundings): Promise<Snapshot | null> {
  if (options.kind === 'sqlite' && !existsSync(options.path)) return null
  try {
    await using held = await open(options, surroundings)
    const snapshot = await held.store.load()
    return snapshot.revision === 0 ? null : snapshot
  } catch (error) {
    if (error instanceof OperationalError && error.code === 'STORE_UNFINISHED') return null
    throw error
  }
}

/** A store that is closed at the end of its block. */
export interface OpenPlace {
  readonly store: Store
  [Symbol.asyncDispose](): Promise<void>
}

async function open(options: StoreOptions, surroundings: StoreSurroundings): Promise<OpenPlace> {
  const store = await openStore(options, surroundings)
  return { store, [Symbol.asyncDispose]: () => store.close() }
}

const LEASE_PATIENCE_MS = 20_000

/**
 * Opens a state that no server uses: its file is locked, or its lease is had before this resolves and until it is closed.
 * Throws PREREQUISITE while a server leads.
 */
export async function openAlone(options: StoreOptions, surroundings: StoreSurroundings): Promise<OpenPlace> {
  const { store, ...place } = await open(options, surroundings)
  try {
    const lease = await leaseOf(store, options)
    return {
      store,
      [Symbol.asyncDispose]: async () => {
        await lease.release()
        await place[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function leaseOf(store: Store, options: StoreOptions): Promise<Lease> {
  const patience = AbortSignal.timeout(LEASE_PATIENCE_MS)
  try {
    return await store.campaign('gantry', patience)
  } catch (cause) {
    if (!patience.aborted) throw cause
    throw new OperationalError('PREREQUISITE', `a server uses the state in ${describePlace(options)}`, {
      hint: 'stop every server of the cluster first; what runs goes on meanwhile (`gantry up --leave`, or SIGTERM)',
      cause,
    })
  }
}
