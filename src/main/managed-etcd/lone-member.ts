import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { clientUrlOf, type EtcdSetting, etcdArguments } from '../../core/etcd/arguments.ts'
import { titleOf } from '../../core/etcd/members.ts'
import { STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import { systemClock } from '../../drivers/clock.ts'
import { EtcdProcess } from '../../drivers/etcd/etcd-process.ts'
import {
  hasEtcdData,
  isUnfinished,
  type KeptSetting,
  keepSetting,
  keptSetting,
  markFinished,
  markUnfinished,
  storeFiles,
  writeStoreCredentials,
} from '../../drivers/etcd/store-files.ts'
import { createLog } from '../../drivers/log.ts'
import { clusterKeyId } from '../../drivers/pki/seal.ts'
import { storeAuthority } from '../../drivers/pki/store-authority.ts'
import { systemRng } from '../../drivers/rng.ts'
import { sleep } from '../../ports/clock.ts'
import { drawHex } from '../../store/draw-hex.ts'
import { EtcdMembers } from '../../store/etcd/members.ts'
import type { EtcdStoreOptions } from '../open-store.ts'
import { addressOf } from './become-member.ts'
import { endpointOf, type OwnPlace } from './own-place.ts'

/** This machine's etcd as the only member of its store, for as long as a command works with it. */
export interface LoneMember {
  readonly place: EtcdStoreOptions
  /** Stops it. */
  [Symbol.asyncDispose](): Promise<void>
}

/** One that comes to be, which no server uses before it is finished. */
export interface FoundedMember extends LoneMember {
  finish(): Promise<void>
}

const BEGIN_WITHIN_MS = 60_000
const ANSWER_WITHIN_MS = 20_000

/**
 * Founds an etcd here, of this member alone, and marks it as unfinished. What an earlier attempt left is thrown away; what
 * etcd keeps here of another store is moved aside with `aside`, a suffix. Throws ALREADY_EXISTS where that is null, and
 * PREREQUISITE where etcd cannot run.
 */
export async function foundLoneMember(
  place: OwnPlace,
  deps: { readonly dataDir: string; readonly clusterKey: Buffer; readonly aside: string | null },
): Promise<FoundedMember> {
  const { dataDir, clusterKey, aside } = deps
  const { options, host, listenHost } = place
  const files = storeFiles(dataDir)
  if (await hasOtherStore(dataDir)) {
    if (aside === null) throw exists(files.dataDir)
    await stopWhatRuns(dataDir, options.program)
    await rename(files.dataDir, `${files.dataDir}${aside}`)
  }
  await markUnfinished(dataDir)
  await stopWhatRuns(dataDir, options.program)
  await rm(files.dataDir, { recursive: true, force: true })
  const setting: EtcdSetting = {
    ...{ name: STABLE_NAME, host, listenHost, clientPort: options.clientPort, peerPort: options.peerPort },
    // Members of an earlier store have the same key and addresses: they must not take this one for their own.
    token: `gantry-${clusterKeyId(clusterKey)}-${drawHex(systemRng())}`,
    ...files,
  }
  const kept = { setting, program: options.program, namespace: options.namespace, addresses: [endpointOf(place)] }
  await keepSetting(dataDir, kept)
  const member = await start(kept, dataDir, clusterKey)
  return { ...member, finish: () => markFinished(dataDir) }
}

/** Whether etcd keeps something here that was finished once. */
export async function hasOtherStore(dataDir: string): Promise<boolean> {
  return (await hasEtcdData(dataDir)) && !(await isUnfinished(dataDir))
}

/** Starts the etcd that a server has kept here. Throws PREREQUISITE where there is none, or it has other members. */
export async function wakeLoneMember(dataDir: string, clusterKey: Buffer | null): Promise<LoneMember> {
  const kept = await keptSetting(dataDir)
  if (kept === null || clusterKey === null || !(await hasOtherStore(dataDir))) {
    throw new OperationalError('PREREQUISITE', `no server has kept a store of its own in ${dataDir}`)
  }
  return start(kept, dataDir, clusterKey)
}

async function start(kept: KeptSetting, dataDir: string, clusterKey: Buffer): Promise<LoneMember> {
  const { setting, program } = kept
  const authority = await storeAuthority(clusterKey)
  const { ca, cert, key } = await writeStoreCredentials(dataDir, authority, setting.host, systemClock().now())
  const etcd = await newProcess(dataDir, program)
  const stop = endingWith(etcd)
  try {
    await etcd.start(etcdArguments(setting, []))
    await untilAlone(etcd, setting, { ca, cert, key, serverName: STABLE_NAME })
  } catch (error) {
    await stop()
    throw error
  }
  return { place: placeOf(kept), [Symbol.asyncDispose]: stop }
}

const INTERRUPTED = 130

/** A command that is interrupted leaves no etcd behind. */
function endingWith(etcd: EtcdProcess): () => Promise<void> {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const onSignal = (): void => void etcd.stop().finally(() => process.exit(INTERRUPTED))
  for (const name of names) process.once(name, onSignal)
  return async () => {
    for (const name of names) process.off(name, onSignal)
    await etcd.stop()
  }
}

async function newProcess(dataDir: string, program: string): Promise<EtcdProcess> {
  const log = createLog({ level: 'error', destination: process.stderr, pretty: process.stderr.isTTY })
  const etcd = new EtcdProcess({ dataDir, program, clock: systemClock(), log })
  await etcd.adopt()
  return etcd
}

async function stopWhatRuns(dataDir: string, program: string): Promise<void> {
  await (await newProcess(dataDir, program)).stop()
}

/** The file with the certificate holds its key too. */
function placeOf({ setting, namespace }: KeptSetting): EtcdStoreOptions {
  const { authorityFile, memberFile } = setting
  return {
    kind: 'etcd',
    endpoints: [addressOf(clientUrlOf(setting))],
    namespace,
    user: null,
    tls: { ca: authorityFile, cert: memberFile, key: memberFile },
    leaseTtlSeconds: 3,
    renewIntervalMs: null,
    requestTimeoutMs: ANSWER_WITHIN_MS,
  }
}

/** Waits until it leads itself. Throws PREREQUISITE when it ends, and where it has other members. */
async function untilAlone(
  etcd: EtcdProcess,
  setting: EtcdSetting,
  tls: ConstructorParameters<typeof EtcdMembers>[1],
): Promise<void> {
  const clock = systemClock()
  const members = new EtcdMembers(clock, tls, true)
  const until = clock.now() + BEGIN_WITHIN_MS
  try {
    for (;;) {
      const seen = (await members.lookAt([addressOf(clientUrlOf(setting))])) ?? []
      if (seen.length === 1 && seen.every(({ leads }) => leads)) return
      if (seen.length > 1) throw notAlone(seen.map(titleOf))
      if (!etcd.isRunning() || clock.now() > until) {
        const words = await etcd.lastWords()
        throw new OperationalError('PREREQUISITE', `etcd does not run here: ${words}`, {
          hint: `what it said is in ${join(setting.dataDir, '..', 'etcd-run', 'logs')}`,
        })
      }
      await sleep(clock, 100)
    }
  } finally {
    members.close()
  }
}

function notAlone(names: readonly string[]): OperationalError {
  return new OperationalError('PREREQUISITE', `the store has ${names.length} members: ${names.join(', ')}`, {
    hint: 'take the others out while the servers run (`gantry servers rm`), until this one is the only one',
  })
}

function exists(path: string): OperationalError {
  return new OperationalError('ALREADY_EXISTS', `etcd keeps a store in ${path} already`, {
    hint: 'add --replace, and it is kept aside; or start the server on it',
  })
}
