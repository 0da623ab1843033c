import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { clientUrlOf, type EtcdSetting, etcdArguments, peerUrlOf } from '../../src/core/etcd/arguments.ts'
import { systemClock } from '../../src/drivers/clock.ts'
import { EtcdProcess } from '../../src/drivers/etcd/etcd-process.ts'
import { hasEtcdData, storeFiles, writeStoreCredentials } from '../../src/drivers/etcd/store-files.ts'
import type { Authority } from '../../src/drivers/pki/authority.ts'
import { newClusterKey } from '../../src/drivers/pki/seal.ts'
import { storeAuthority } from '../../src/drivers/pki/store-authority.ts'
import { systemRng } from '../../src/drivers/rng.ts'
import type { TlsText } from '../../src/store/etcd/endpoint.ts'
import { EtcdStore } from '../../src/store/etcd/etcd-store.ts'
import { EtcdMembers } from '../../src/store/etcd/members.ts'
import { freePort } from '../free-port.ts'
import { ETCD_PROGRAM, TestEtcd } from './etcd.ts'
import { etcdTests } from './etcd-tests.ts'

interface Managed {
  readonly dataDir: string
  readonly etcd: EtcdProcess
  readonly setting: EtcdSetting
  readonly authority: Authority
  readonly tls: TlsText
  readonly address: string
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

function processOf(dataDir: string): EtcdProcess {
  return new EtcdProcess({ dataDir, program: ETCD_PROGRAM, clock: systemClock(), log: silent })
}

/** The etcd of one server, as `gantry up` runs it. */
async function managedEtcd(): Promise<Managed> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gantry-managed-'))
  const etcd = processOf(dataDir)
  onTestFinished(async () => {
    await etcd.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const authority = await storeAuthority(newClusterKey())
  const credentials = await writeStoreCredentials(dataDir, authority, '127.0.0.1', Date.now())
  const ports = { clientPort: await freePort(), peerPort: await freePort() }
  const where = { name: 's1', host: '127.0.0.1', listenHost: '127.0.0.1', token: 'test' }
  const setting = { ...where, ...ports, ...storeFiles(dataDir) }
  await etcd.start(etcdArguments(setting, []))
  const address = clientUrlOf(setting).replace('https://', '')
  return { dataDir, etcd, setting, authority, tls: { ...credentials, serverName: 'gantry' }, address }
}

function openStore(address: string, tls: TlsText): Promise<EtcdStore> {
  const surroundings = { clock: systemClock(), rng: systemRng() }
  return EtcdStore.open({ endpoints: [address], namespace: 'test', tls, ...surroundings })
}

etcdTests(() => {
  test('an etcd that runs is adopted, and one that is killed is started again on its data', async () => {
    const { dataDir, etcd, setting, tls, address } = await managedEtcd()
    const store = await openStore(address, tls)
    expect(await hasEtcdData(dataDir)).toBe(true)
    await etcd.leave()
    const next = processOf(dataDir)
    await next.adopt()
    onTestFinished(() => next.stop())
    expect(next.isRunning()).toBe(true)
    // The words that made it a member once do not matter any more.
    await next.start(etcdArguments(setting, []).map((word) => word.replace('state=new', 'state=existing')))
    const [member] = (await new EtcdMembers(systemClock(), tls).lookAt([address])) ?? []
    expect(member).toMatchObject({
      name: 's1',
      peerUrl: peerUrlOf(setting),
      alive: true,
      leads: true,
      isLearner: false,
    })
    next.keepRunning(etcdArguments(setting, []))
    process.kill(pidOf(dataDir), 'SIGKILL')
    await expect
      .poll(
        () =>
          store.load().then(
            (whole) => whole.revision,
            () => null,
          ),
        { timeout: 20_000 },
      )
      .toBe(0)
    expect(next.endings).toBe(1)
    await store.close()
  })

  test('a certificate for the store is renewed while etcd and its clients go on', async () => {
    const { dataDir, authority, tls, address } = await managedEtcd()
    const store = await openStore(address, tls)
    const pid = pidOf(dataDir)
    const lease = await store.campaign('s1', new AbortController().signal)
    const next = { ...(await writeStoreCredentials(dataDir, authority, '127.0.0.1', Date.now())), serverName: 'gantry' }
    expect(next.cert).not.toBe(tls.cert)
    store.renewTls(next)
    const event = {
      kind: 'leader.elected',
      object: 'leadership/self',
      service: null,
      message: '',
      by: '',
      at: 0,
    } as const
    const outcome = await store.commit({ epoch: null, expect: [], writes: [], events: [event] })
    expect(outcome).toMatchObject({ kind: 'committed' })
    // Longer than the lease lives without a renewal.
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    expect(lease.lost.aborted).toBe(false)
    expect(pidOf(dataDir)).toBe(pid)
    await store.close()
  })

  test('a full etcd makes room by itself and takes changes again', async () => {
    const etcd = await TestEtcd.start(['--quota-backend-bytes', String(4 * 1024 * 1024)])
    onTestFinished(() => etcd.stop())
    const members = new EtcdMembers(systemClock(), null)
    onTestFinished(() => members.close())
    const fill = async (): Promise<void> => {
      for (let at = 0; at < 100; at++) await etcd.put('filler', 'x'.repeat(200_000))
    }
    await expect(fill()).rejects.toThrow('database space exceeded')
    const [full] = (await members.lookAt([etcd.address])) ?? []
    expect(full?.alarms).toEqual(['no space'])
    expect(await members.upkeep(etcd.address, true)).toBe('make room')
    await etcd.put('filler', 'small')
    expect(((await members.lookAt([etcd.address])) ?? [])[0]?.alarms).toEqual([])
    expect(await members.upkeep(etcd.address, true)).toBeNull()
  })
})

function pidOf(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'etcd-run', 'state', 'started'), 'utf8').split(' ')[1])
}
