import { OperationalError } from '../../core/errors.ts'
import { clientUrlOf, etcdArguments } from '../../core/etcd/arguments.ts'
import { hasQuorum, titleOf } from '../../core/etcd/members.ts'
import { STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import { systemClock } from '../../drivers/clock.ts'
import { EtcdProcess } from '../../drivers/etcd/etcd-process.ts'
import { hasEtcdData, type KeptSetting, keptSetting, writeStoreCredentials } from '../../drivers/etcd/store-files.ts'
import { createLog } from '../../drivers/log.ts'
import { storeAuthority } from '../../drivers/pki/store-authority.ts'
import { systemRng } from '../../drivers/rng.ts'
import { sleep } from '../../ports/clock.ts'
import type { Store } from '../../ports/store.ts'
import type { TlsText } from '../../store/etcd/endpoint.ts'
import { EtcdStore } from '../../store/etcd/etcd-store.ts'
import { EtcdMembers } from '../../store/etcd/members.ts'
import { readIdentity } from '../identity.ts'
import { raiseIncarnation } from '../raise-incarnation.ts'
import { answers, runsHere } from '../running-here.ts'
import { addressOf } from './become-member.ts'

export interface RecoverOptions {
  readonly dataDir: string
  readonly socketPath: string
  /** Who asks, as events name them. */
  readonly by: string
}

/** What a survivor was made of the store. */
export interface Recovery {
  /** Name of the server that goes on alone. */
  readonly survivor: string
  /** Revision of the state that it goes on with. */
  readonly storeRevision: number
  readonly incarnation: number
}

const BEGIN_WITHIN_MS = 60_000

/**
 * Makes this server's etcd the only member of the store, with what it has of the state, and raises the incarnation, so
 * that agents follow it and never a server that was left behind. The certificate authority stays, and so do all
 * identities. Gantry must not run here. Throws PREREQUISITE, CONFLICT, GUARD_BLOCKED, UNAVAILABLE, OUTCOME_UNKNOWN; it may be run again.
 */
export async function recoverFromSurvivor({ dataDir, socketPath, by }: RecoverOptions): Promise<Recovery> {
  const log = createLog({ level: 'warn', destination: process.stderr, pretty: process.stderr.isTTY })
  const { kept, clusterKey } = await survivorIn(dataDir, socketPath)
  const clock = systemClock()
  const tls = await storeTls(dataDir, kept, clusterKey)
  await refuseWithQuorum(kept, tls)
  const deps = { dataDir, program: kept.program, clock, log }
  const left = new EtcdProcess(deps)
  await left.adopt()
  await left.stop()
  const etcd = new EtcdProcess(deps)
  try {
    await etcd.start(etcdArguments(kept.setting, [], { forceNewCluster: true }))
    await untilAlone(etcd, kept, tls)
    const store = await openAlone(kept, tls)
    try {
      const { revision } = await store.load()
      const because = `server ${kept.setting.name} went on alone when the store had lost its quorum`
      const life = { kind: 'recovery', by, at: clock.now(), because, above: 0 } as const
      const incarnation = await raiseIncarnation(store, life, clusterKey)
      return { survivor: kept.setting.name, storeRevision: revision, incarnation }
    } finally {
      await store.close()
    }
  } finally {
    await etcd.stop()
  }
}

/** Looks whether this server could go on alone, and whom it would leave behind; changes nothing. Throws PREREQUISITE, CONFLICT, GUARD_BLOCKED. */
export async function checkSurvivor({
  dataDir,
  socketPath,
}: RecoverOptions): Promise<{ readonly survivor: string; readonly others: readonly string[] }> {
  const { kept, clusterKey } = await survivorIn(dataDir, socketPath)
  await refuseWithQuorum(kept, await storeTls(dataDir, kept, clusterKey))
  const own = addressOf(clientUrlOf(kept.setting))
  return { survivor: kept.setting.name, others: kept.addresses.filter((address) => address !== own) }
}

async function storeTls(dataDir: string, { setting }: KeptSetting, clusterKey: Buffer): Promise<TlsText> {
  const authority = await storeAuthority(clusterKey)
  const files = await writeStoreCredentials(dataDir, authority, setting.host, systemClock().now())
  return { ...files, serverName: STABLE_NAME }
}

/** What a stopped server has that goes on alone. */
async function survivorIn(
  dataDir: string,
  socketPath: string,
): Promise<{ readonly kept: KeptSetting; readonly clusterKey: Buffer }> {
  const kept = await keptSetting(dataDir)
  const clusterKey = (await readIdentity(dataDir))?.files.clusterKey ?? null
  if (kept === null || clusterKey === null || !(await hasEtcdData(dataDir))) {
    throw new OperationalError('PREREQUISITE', `no server of Gantry has kept the store in ${dataDir}`, {
      hint: 'run it on a server that was started with --backend-type managed-etcd, with its --data',
    })
  }
  if (await answers(socketPath)) throw runsHere()
  return { kept, clusterKey }
}

/** Beside members that still decide, one that goes on alone would make two stores of one. */
async function refuseWithQuorum({ addresses }: KeptSetting, tls: TlsText): Promise<void> {
  const members = new EtcdMembers(systemClock(), tls)
  const seen = await members.lookAt(addresses).finally(() => members.close())
  if (seen === null || !hasQuorum(seen)) return
  const alive = seen.filter((member) => member.alive).map(titleOf)
  throw new OperationalError('GUARD_BLOCKED', `the store has not lost its quorum: ${alive.join(', ')} answer`, {
    hint: 'start this server as usual; if it is not a member any more, let it join anew',
  })
}

async function untilAlone(etcd: EtcdProcess, { setting }: KeptSetting, tls: TlsText): Promise<void> {
  const clock = systemClock()
  const members = new EtcdMembers(clock, tls)
  const until = clock.now() + BEGIN_WITHIN_MS
  try {
    for (;;) {
      const seen = (await members.lookAt([addressOf(clientUrlOf(setting))])) ?? []
      if (seen.length === 1 && seen.every(({ leads }) => leads)) return
      if (!etcd.isRunning() || clock.now() > until) {
        const words = seen.length === 0 ? await etcd.lastWords() : `its members are ${seen.map(titleOf).join(', ')}`
        throw new OperationalError('UNAVAILABLE', `cannot make etcd go on alone: ${words}`)
      }
      await sleep(clock, 100)
    }
  } finally {
    members.close()
  }
}

function openAlone({ setting, namespace }: KeptSetting, tls: TlsText): Promise<Store> {
  const endpoints = [addressOf(clientUrlOf(setting))]
  return EtcdStore.open({ endpoints, namespace, tls, requestTimeoutMs: 20_000, clock: systemClock(), rng: systemRng() })
}
