import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { clientUrlOf, type EtcdSetting, etcdArguments, peerUrlOf } from '../../core/etcd/arguments.ts'
import { STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import { systemClock } from '../../drivers/clock.ts'
import { EtcdProcess } from '../../drivers/etcd/etcd-process.ts'
import {
  hasEtcdData,
  isUnfinished,
  keepSetting,
  type StoreCredentials,
  storeFiles,
  writeStoreCredentials,
} from '../../drivers/etcd/store-files.ts'
import { hostAndPort } from '../../drivers/link/address.ts'
import type { Authority } from '../../drivers/pki/authority.ts'
import { clusterKeyId } from '../../drivers/pki/seal.ts'
import { storeAuthority } from '../../drivers/pki/store-authority.ts'
import { systemRng } from '../../drivers/rng.ts'
import type { Log } from '../../ports/log.ts'
import type { StoreMembers } from '../../ports/store-members.ts'
import type { TlsText } from '../../store/etcd/endpoint.ts'
import { EtcdStore } from '../../store/etcd/etcd-store.ts'
import { EtcdMembers } from '../../store/etcd/members.ts'
import { unfinished } from '../../store/unfinished.ts'
import { untilSignal } from '../foreground.ts'
import type { LinkOptions } from '../node-process.ts'
import type { ManagedEtcdOptions } from '../open-store.ts'
import { addressOf, becomeMember } from './become-member.ts'
import { beginServer } from './begin.ts'
import { keepCredentialsFresh } from './credentials.ts'
import { Progress } from './progress.ts'
import { type ServerList, serverList } from './server-list.ts'
import { WatchedMembers } from './watch-members.ts'

export interface OpenOptions {
  readonly store: ManagedEtcdOptions
  readonly link: LinkOptions | null
  readonly dataDir: string
  readonly name: string
  readonly joinText: () => string | null
}

/** This server's share of the store that the servers keep themselves: its etcd, and what it knows of the others. */
export class ManagedEtcd implements StoreMembers {
  readonly store: EtcdStore
  readonly #etcd: EtcdProcess
  readonly #members: EtcdMembers
  readonly #watched: WatchedMembers
  readonly #ending = new AbortController()
  #loops: Promise<unknown> = Promise.resolve()

  private constructor(store: EtcdStore, etcd: EtcdProcess, members: EtcdMembers, watched: WatchedMembers) {
    this.store = store
    this.#etcd = etcd
    this.#members = members
    this.#watched = watched
  }

  /**
   * Makes this machine a server of the cluster and its etcd a voting member, or founds both, and opens the store there.
   * Waits for the others, and says for what. Throws PREREQUISITE, USAGE, UNAVAILABLE, STORE_UNFINISHED; etcd is stopped then.
   */
  static async open(options: OpenOptions, log: Log, say: (line: string) => void): Promise<ManagedEtcd> {
    const { store, dataDir, name } = options
    const { link, host } = reachedAt(options)
    const list = serverList(store.seeds, link)
    await requireReady(options, list)
    const clock = systemClock()
    const etcd = new EtcdProcess({ dataDir, program: store.program, clock, log })
    await etcd.adopt()
    return untilSignal(async (signal) => {
      const progress = new Progress(clock, say, signal)
      try {
        const begin = { dataDir, name, host, list, joinText: options.joinText }
        const { clusterKey, mayFound } = await beginServer(begin, progress)
        const setting = settingOf(options, link, host, clusterKeyId(clusterKey))
        const addresses = list.hosts.map((one) => addressOf(clientUrlOf({ host: one, clientPort: store.clientPort })))
        await keepSetting(dataDir, { setting, program: store.program, namespace: store.namespace, addresses })
        const authority = await storeAuthority(clusterKey)
        const tls = tlsOf(await writeStoreCredentials(dataDir, authority, host, clock.now()))
        const members = new EtcdMembers(clock, tls)
        await etcd.endUnlessWith(etcdArguments(setting, []))
        const looking = new EtcdMembers(clock, tls, true)
        await becomeMember({ dataDir, setting, mayFound, hosts: list.hosts, etcd, members: looking, progress }).finally(
          () => looking.close(),
        )
        const own = addressOf(clientUrlOf(setting))
        const opened = await openStore(store, own, tls, progress)
        const watched = new WatchedMembers({ members, own, ownPeerUrl: peerUrlOf(setting), addresses, clock, log })
        await watched.look()
        const managed = new ManagedEtcd(opened, etcd, members, watched)
        etcd.keepRunning(etcdArguments(setting, []))
        managed.#begin(dataDir, authority, host, log)
        return managed
      } catch (error) {
        await etcd.stop()
        throw error
      }
    })
  }

  isCutOff(): boolean {
    return this.#watched.isCutOff()
  }

  servers(): ReturnType<StoreMembers['servers']> {
    return this.#watched.servers()
  }

  conditions(): ReturnType<StoreMembers['conditions']> {
    return this.#watched.conditions()
  }

  remove(word: string): ReturnType<StoreMembers['remove']> {
    return this.#watched.remove(word)
  }

  /** Stops this server's etcd. The store must be closed before. */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the server ends'))
    await this.#loops
    this.#members.close()
    await this.#etcd.stop()
  }

  #begin(dataDir: string, authority: Authority, host: string, log: Log): void {
    const { signal } = this.#ending
    const take = (credentials: StoreCredentials): void => {
      this.store.renewTls(tlsOf(credentials))
      this.#members.renew(tlsOf(credentials))
    }
    const fresh = keepCredentialsFresh(
      { dataDir, authority, host, clock: systemClock(), rng: systemRng(), log, take },
      signal,
    )
    this.#loops = Promise.all([this.#watched.watch(signal), fresh])
  }
}

function reachedAt({ link }: OpenOptions): { readonly link: LinkOptions; readonly host: string } {
  if (link !== null) return { link, host: hostAndPort(link.advertise).host }
  throw new OperationalError('USAGE', 'servers that keep the store themselves need --link', {
    hint: 'give --link HOST:7947, an address that the others reach',
  })
}

/** A state that is put here must be whole, and one that is kept elsewhere here must not be left behind unseen. */
async function requireReady({ dataDir, store }: OpenOptions, { isFirst }: ServerList): Promise<void> {
  if (await isUnfinished(dataDir)) throw unfinished(storeFiles(dataDir).dataDir)
  const file = join(dataDir, 'state.db')
  if (!isFirst || !existsSync(file) || (await hasEtcdData(dataDir))) return
  throw new OperationalError('PREREQUISITE', `this server keeps its state in ${file}, and in no etcd yet`, {
    hint: `\`gantry store move --to managed-etcd --seeds ${store.seeds.join(',')}\` moves it; remove the file to begin without it`,
  })
}

function settingOf({ store, name, dataDir }: OpenOptions, link: LinkOptions, host: string, keyId: string): EtcdSetting {
  const { clientPort, peerPort } = store
  const listenHost = isIP(link.host) === 0 ? '0.0.0.0' : link.host
  return { name, host, listenHost, clientPort, peerPort, token: `gantry-${keyId}`, ...storeFiles(dataDir) }
}

function tlsOf(credentials: StoreCredentials): TlsText {
  return { ...credentials, serverName: STABLE_NAME }
}

/**
 * A server uses its own etcd alone. So one whose etcd is dead or cut off cannot lead, and gives the lease to one whose
 * etcd is well.
 */
async function openStore(
  options: ManagedEtcdOptions,
  own: string,
  tls: TlsText,
  progress: Progress,
): Promise<EtcdStore> {
  const { namespace, leaseTtlSeconds, renewIntervalMs, requestTimeoutMs } = options
  const times = {
    leaseTtlSeconds,
    ...(renewIntervalMs !== null && { renewIntervalMs }),
    ...(requestTimeoutMs !== null && { requestTimeoutMs }),
  }
  const surroundings = { clock: systemClock(), rng: systemRng() }
  for (;;) {
    try {
      return await EtcdStore.open({ endpoints: [own], namespace, tls, ...times, ...surroundings })
    } catch (error) {
      if (!(error instanceof OperationalError) || error.code !== 'UNAVAILABLE') throw error
      await progress.wait(error.message, 500)
    }
  }
}
