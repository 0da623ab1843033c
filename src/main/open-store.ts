import { createSecureContext } from 'node:tls'
import { OperationalError } from '../core/errors.ts'
import type { Millis } from '../core/model/ids.ts'
import type { Rng } from '../lib/rng.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import type { EtcdOptions } from '../store/etcd/etcd-store.ts'
import type { ZooKeeperOptions } from '../store/zookeeper/zookeeper-store.ts'
import { readPem, readSecret } from './secret-files.ts'

/** Files in PEM. */
export interface TlsFiles {
  /** Whom we trust; null: whom the system trusts. */
  readonly ca: string | null
  /** What proves who we are, where the other side asks for that: both or none. */
  readonly cert: string | null
  readonly key: string | null
}

/** As whom a store is used. */
export interface StoreUser {
  readonly name: string
  readonly password: { readonly file: string } | { readonly text: string }
}

export interface EtcdStoreOptions {
  readonly kind: 'etcd'
  /** `host:port` of members of one etcd, at least one. */
  readonly endpoints: readonly string[]
  readonly namespace: string
  readonly user: StoreUser | null
  readonly tls: TlsFiles | null
  readonly leaseTtlSeconds: number
  /** Time between two renewals of the lease; null: a third of its time to live. */
  readonly renewIntervalMs: Millis | null
  /** Within this everything is answered; null: as the store has it. */
  readonly requestTimeoutMs: Millis | null
}

/** An etcd that the servers run themselves. */
export interface ManagedEtcdOptions {
  readonly kind: 'managed-etcd'
  /** All servers, `host` or `host:port` of their links. The first one founds the cluster. */
  readonly seeds: readonly string[]
  /** The same on every server. */
  readonly clientPort: number
  readonly peerPort: number
  /** Name or path of etcd's program. */
  readonly program: string
  readonly namespace: string
  readonly leaseTtlSeconds: number
  readonly renewIntervalMs: Millis | null
  readonly requestTimeoutMs: Millis | null
}

/** The memories of several servers. */
export interface SharedMemoryOptions {
  readonly kind: 'shared-memory'
  /** All servers, `host` or `host:port` of their links. The first one founds the cluster. */
  readonly seeds: readonly string[]
}

export interface ZooKeeperStoreOptions {
  readonly kind: 'zookeeper'
  /** `host:port` of servers of one ensemble, at least one. */
  readonly hosts: readonly string[]
  readonly namespace: string
  readonly user: StoreUser | null
  readonly tls: TlsFiles | null
  /** Of the session, and so of the lease. */
  readonly timeoutMs: Millis
  /** Where candidates for the lease stand; null: with the state. */
  readonly sessionPath: string | null
}

/** Where the state of a cluster is kept. */
export type StoreOptions =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string }
  | EtcdStoreOptions
  | ZooKeeperStoreOptions

/** Time and chance for a store. */
export interface StoreSurroundings {
  readonly clock: Clock
  /** Two processes must not draw the same. */
  readonly rng: Rng
}

/**
 * Opens the store; only its own code is loaded. Throws CONFIG_INVALID for a file of certificates or a password that
 * cannot be read or used and for a namespace or path that cannot be one, PREREQUISITE when another process has the file or the
 * server refuses who we are, UNAVAILABLE when it cannot be reached, and STORE_CORRUPT for a state that is damaged,
 * foreign or newer.
 */
export async function openStore(options: StoreOptions, surroundings: StoreSurroundings): Promise<Store> {
  switch (options.kind) {
    case 'memory': {
      const { MemoryStore } = await import('../store/memory.ts')
      return new MemoryStore()
    }
    case 'sqlite': {
      const { SqliteStore } = await import('../store/sqlite.ts')
      return SqliteStore.open(options.path)
    }
    case 'etcd':
      return (await import('../store/etcd/etcd-store.ts')).EtcdStore.open(etcdOptions(options, surroundings))
    case 'zookeeper':
      return (await import('../store/zookeeper/zookeeper-store.ts')).ZooKeeperStore.open(
        zooKeeperOptions(options, surroundings),
      )
  }
}

/** What etcd is opened with; files are read. */
export function etcdOptions(options: EtcdStoreOptions, surroundings: StoreSurroundings): EtcdOptions {
  const { endpoints, namespace, user, tls, leaseTtlSeconds, renewIntervalMs, requestTimeoutMs } = options
  const secrets = {
    ...(user === null ? {} : { user: { name: user.name, password: passwordOf(user) } }),
    ...(tls === null ? {} : { tls: readTls(tls, 'etcd') }),
  }
  const times = {
    leaseTtlSeconds,
    ...(renewIntervalMs === null ? {} : { renewIntervalMs }),
    ...(requestTimeoutMs === null ? {} : { requestTimeoutMs }),
  }
  return { endpoints, namespace, ...secrets, ...times, ...surroundings }
}

/** What ZooKeeper is opened with; files are read. */
export function zooKeeperOptions(options: ZooKeeperStoreOptions, surroundings: StoreSurroundings): ZooKeeperOptions {
  const { hosts, namespace, user, timeoutMs, sessionPath } = options
  const auth = user === null ? null : `${user.name}:${passwordOf(user)}`
  const tls = options.tls === null ? null : readTls(options.tls, 'ZooKeeper')
  return { hosts, root: `/${namespace}`, sessionTimeoutMs: timeoutMs, sessionPath, auth, tls, ...surroundings }
}

function passwordOf({ password }: StoreUser): string {
  return 'text' in password ? password.text : readSecret(password.file, 'the password')
}

interface TlsTexts {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

function readTls({ ca, cert, key }: TlsFiles, server: string): TlsTexts {
  const texts = {
    ...(ca === null ? {} : { ca: readPem(ca, 'the certificates to trust') }),
    ...(cert === null ? {} : { cert: readPem(cert, 'the certificate') }),
    ...(key === null ? {} : { key: readPem(key, 'the key') }),
  }
  try {
    createSecureContext(texts)
  } catch (cause) {
    const files = [ca, cert, key].filter((file) => file !== null).join(', ')
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new OperationalError('CONFIG_INVALID', `cannot use ${files} for ${server}: ${why}`, {
      hint: 'the key must be that of the certificate, without a passphrase, both in PEM',
      cause,
    })
  }
  return texts
}
