import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { clientUrlOf, type EtcdSetting, etcdArguments } from '../../src/core/etcd/arguments.ts'
import { systemClock } from '../../src/drivers/clock.ts'
import { EtcdProcess } from '../../src/drivers/etcd/etcd-process.ts'
import { storeFiles, writeStoreCredentials } from '../../src/drivers/etcd/store-files.ts'
import type { Authority } from '../../src/drivers/pki/authority.ts'
import { newClusterKey } from '../../src/drivers/pki/seal.ts'
import { storeAuthority } from '../../src/drivers/pki/store-authority.ts'
import { systemRng } from '../../src/drivers/rng.ts'
import type { TlsText } from '../../src/store/etcd/endpoint.ts'
import { EtcdStore } from '../../src/store/etcd/etcd-store.ts'
import { freePort } from '../free-port.ts'
import { SILENT } from '../silent-log.ts'
import { ETCD_PROGRAM } from './etcd.ts'

export interface Managed {
  readonly dataDir: string
  readonly etcd: EtcdProcess
  readonly setting: EtcdSetting
  readonly authority: Authority
  readonly tls: TlsText
  readonly address: string
}

/** A directory that goes with the test. */
export function aDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'gantry-managed-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export function processOf(dataDir: string): EtcdProcess {
  return new EtcdProcess({ dataDir, program: ETCD_PROGRAM, clock: systemClock(), log: SILENT })
}

/** The etcd of one server, as `gantry up` runs it. */
export async function managedEtcd(): Promise<Managed> {
  const dataDir = aDirectory()
  const etcd = processOf(dataDir)
  onTestFinished(() => etcd.stop())
  const authority = await storeAuthority(newClusterKey())
  const credentials = await writeStoreCredentials(dataDir, authority, '127.0.0.1', Date.now())
  const ports = { clientPort: await freePort(), peerPort: await freePort() }
  const where = { name: 's1', host: '127.0.0.1', listenHost: '127.0.0.1', token: 'test' }
  const setting = { ...where, ...ports, ...storeFiles(dataDir) }
  await etcd.start(etcdArguments(setting, []))
  const address = clientUrlOf(setting).replace('https://', '')
  return { dataDir, etcd, setting, authority, tls: { ...credentials, serverName: 'gantry' }, address }
}

export function openStore(address: string, tls: TlsText): Promise<EtcdStore> {
  const surroundings = { clock: systemClock(), rng: systemRng() }
  return EtcdStore.open({ endpoints: [address], namespace: 'test', tls, ...surroundings })
}
