import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { clientUrlOf, type EtcdSetting, etcdArguments, peerUrlOf } from '../../core/etcd/arguments.ts'
import { hasQuorum } from '../../core/etcd/members.ts'
import { STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import { systemClock } from '../../drivers/clock.ts'
import { EtcdProcess } from '../../drivers/etcd/etcd-process.ts'
import {
  hasEtcdData,
  isUnfinished,
  type KeptSetting,
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
import { sleep } from '../../ports/clock.ts'
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
  readonly #parts: Parts
  readonly #watched: WatchedMembers
  readonly #ending = new AbortController()
  #watching: Promise<unknown> = Promise.resolve()
  #fresh: Promise<unknown> = Promise.resolve()
  #endFresh: () => void = () => undefined

  private constructor(store: EtcdStore, parts: Parts) {
    this.store = store
    this.#parts = parts
    this.#watched = parts.watched
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
        const { keys, mayFound } = await beginServer(begin, progress)
        const authorities = await authoritiesOf(keys)
        const token = `gantry-${clusterKeyId(keys[0])}`
        const setting = { ...settingOf(options, link, host), ...storeFiles(dataDir, authorities), token }
        const addresses = list.hosts.map((one) => addressOf(clientUrlOf({ host: one, clientPort: store.clientPort })))
        const kept = { setting, program: store.program, namespace: store.namespace, addresses }
        await keepSetting(dataDir, kept)
        const [authority, ...further] = authorities
        const tls = tlsOf(await writeStoreCredentials(dataDir, authority, host, clock.now(), further))
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
        const managed = new ManagedEtcd(opened, { etcd, members, watched, kept, dataDir, log })
        etcd.keepRunning(etcdArguments(setting, []))
        managed.#begin(authorities)
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

  look(): Promise<void> {
    return this.#watched.look()
  }

  remove(word: string): ReturnType<StoreMembers['remove']> {
    return this.#watched.remove(word)
  }

  /**
   * Has the store trust those who have one of these cluster keys, and shows a certificate of the first of them. Resolves when
   * etcd, which is started anew where it is to trust others than before, takes part again. Throws UNAVAILABLE at the end.
   */
  async takeKeys(keys: readonly Buffer[]): Promise<void> {
    const { etcd, members, dataDir, log } = this.#parts
    const [first, ...others] = keys
    if (first === undefined) return
    const authorities = await authoritiesOf([first, ...others])
    this.#endFresh()
    await this.#fresh
    const kept = { ...this.#parts.kept, setting: { ...this.#parts.kept.setting, ...storeFiles(dataDir, authorities) } }
    await keepSetting(dataDir, kept)
    await this.#keepFresh(authorities)
    etcd.keepRunning(etcdArguments(kept.setting, []))
    log.info('the store trusts other cluster keys', { keys: keys.map(clusterKeyId) })
    const own = addressOf(clientUrlOf(kept.setting))
    for (;;) {
      const seen = etcd.isKept() ? await members.lookAt([own]) : null
      if (seen !== null && hasQuorum(seen)) return
      await sleep(systemClock(), 200, this.#ending.signal)
    }
  }

  /** Stops this server's etcd. The store must be closed before. */
  async close(): Promise<void> {
    const { etcd, members } = this.#parts
    this.#ending.abort(new OperationalError('UNAVAILABLE', 'the server ends'))
    await Promise.all([this.#watching, this.#fresh])
    members.close()
    await etcd.stop()
  }

  #begin(authorities: Authorities): void {
    this.#watching = this.#watched.watch(this.#ending.signal)
    void this.#keepFresh(authorities)
  }

  /** Resolves when the first certificate is in use. */
  #keepFresh(authorities: Authorities): Promise<unknown> {
    const { members, kept, dataDir, log } = this.#parts
    const ending = new AbortController()
    this.#endFresh = () => ending.abort(new Error('other authorities'))
    const made = Promise.withResolvers<void>()
    const take = (credentials: StoreCredentials): void => {
      this.store.renewTls(tlsOf(credentials))
      members.renew(tlsOf(credentials))
      made.resolve()
    }
    const { host } = kept.setting
    const deps = { dataDir, authorities, host, clock: systemClock(), rng: systemRng(), log, take }
    this.#fresh = keepCredentialsFresh(deps, AbortSignal.any([this.#ending.signal, ending.signal]))
    return Promise.race([made.promise, this.#fresh])
  }
}

type Authorities = readonly [Authority, ...Authority[]]

/** What a server's share of the store is made of. */
interface Parts {
  readonly etcd: EtcdProcess
  readonly members: EtcdMembers
  readonly watched: WatchedMembers
  readonly kept: KeptSetting
  readonly dataDir: string
  readonly log: Log
}

async function authoritiesOf([first, ...others]: readonly [Buffer, ...Buffer[]]): Promise<Authorities> {
  return [await storeAuthority(first), ...(await Promise.all(others.map(storeAuthority)))]
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

function settingOf(
  { store: { clientPort, peerPort }, name }: OpenOptions,
  link: LinkOptions,
  host: string,
): Omit<EtcdSetting, 'token' | keyof ReturnType<typeof storeFiles>> {
  const listenHost = isIP(link.host) === 0 ? '0.0.0.0' : link.host
  return { name, host, listenHost, clientPort, peerPort }
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
