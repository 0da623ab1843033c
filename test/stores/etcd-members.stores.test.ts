import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { etcdArguments, peerUrlOf } from '../../src/core/etcd/arguments.ts'
import { systemClock } from '../../src/drivers/clock.ts'
import { hasEtcdData, writeStoreCredentials } from '../../src/drivers/etcd/store-files.ts'
import { EtcdMembers } from '../../src/store/etcd/members.ts'
import { anEtcd, etcdTests } from './etcd-tests.ts'
import { managedEtcd, openStore, processOf } from './managed-etcd.ts'

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
        { timeout: 60_000 },
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
    const etcd = await anEtcd(['--quota-backend-bytes', String(4 * 1024 * 1024)])
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
