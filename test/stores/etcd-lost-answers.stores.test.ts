import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Store, Write } from '../../src/ports/store.ts'
import { EtcdStore } from '../../src/store/etcd/etcd-store.ts'
import { TestEtcd } from './etcd.ts'
import { anEtcd, etcdTests } from './etcd-tests.ts'
import { LossyLink } from './lossy-link.ts'

const POLL_MS = 10

function commit(store: Store, n: number, expected: number): ReturnType<Store['commit']> {
  const writes: readonly Write[] = [{ put: 'desired/self', value: { revision: n } }]
  return store.commit({ epoch: null, expect: [{ key: 'desired/self', revision: expected }], writes, events: [] })
}

etcdTests(() => {
  test('a commit that landed while its answer was lost is acknowledged once, after another has followed it too', async () => {
    const etcd = await anEtcd()
    const link = await LossyLink.to(etcd.address)
    const options = etcd.options()
    const direct = await EtcdStore.open(options)
    const store = await EtcdStore.open({ ...options, endpoints: [link.address], requestTimeoutMs: 8_000 })

    link.loseAnswers()
    const first = commit(store, 1, 0)
    while ((await direct.load()).revision < 1) await pause(POLL_MS)
    link.cut()
    expect(await first).toEqual({ kind: 'committed', revision: 1 })

    link.loseAnswers()
    const second = commit(store, 2, 1)
    while ((await direct.load()).revision < 2) await pause(POLL_MS)
    expect(await commit(direct, 3, 2)).toEqual({ kind: 'committed', revision: 3 })
    link.cut()
    expect(await second).toEqual({ kind: 'committed', revision: 2 })
    expect(await commit(store, 4, 3)).toEqual({ kind: 'committed', revision: 4 })
    await store.close()
    await direct.close()
    await link.close()
  })

  test('a commit whose answer never comes is of unknown outcome, and the next read tells', async () => {
    const etcd = await anEtcd()
    const link = await LossyLink.to(etcd.address)
    const store = await etcd.open({ endpoints: [link.address], requestTimeoutMs: 1_000 })
    link.loseAnswers()
    expect((await commit(store, 1, 0)).kind).toBe('unknown')
    link.cut()
    expect(await store.load()).toMatchObject({ revision: 1 })
    expect(await commit(store, 2, 0)).toEqual({ kind: 'conflict', keys: ['desired/self'] })
    await store.close()
    await link.close()
  })

  test('with three members the death or the silence of the one in use is bridged, and the lease is kept', async () => {
    const members = await TestEtcd.startThree()
    const endpoints = members.map(({ address }) => address)
    const options = members[0].options({ endpoints, requestTimeoutMs: 6_000, leaseTtlSeconds: 8 })
    const [store, reader] = [await EtcdStore.open(options), await EtcdStore.open(options)]
    const seen: number[] = []
    let wake = (): void => undefined
    reader.watch(
      0,
      ({ revision }) => {
        seen.push(revision)
        wake()
      },
      () => expect.unreachable('there is no gap'),
    )
    const lease = await store.campaign('a', new AbortController().signal)
    expect(await commit(store, 1, 0)).toEqual({ kind: 'committed', revision: 1 })
    await members[0].signal('SIGKILL')
    expect(await commit(store, 2, 1)).toEqual({ kind: 'committed', revision: 2 })
    await members[0].run()
    await members[1].signal('SIGSTOP')
    expect(await commit(store, 3, 2)).toEqual({ kind: 'committed', revision: 3 })
    expect(await commit(reader, 4, 3)).toEqual({ kind: 'committed', revision: 4 })
    while (seen.length < 4) await new Promise<void>((resolve) => (wake = resolve))
    expect(seen).toEqual([1, 2, 3, 4])
    expect(lease.lost.aborted).toBe(false)
    await members[1].signal('SIGCONT')
    await lease.release()
    await store.close()
    await reader.close()
    await Promise.all(members.map((member) => member.stop()))
  })

  test('without a majority nothing is acknowledged and the lease is lost', async () => {
    const members = await TestEtcd.startThree()
    const endpoints = members.map(({ address }) => address)
    const store = await members[0].open({ endpoints, requestTimeoutMs: 2_000, leaseTtlSeconds: 3 })
    const lease = await store.campaign('a', new AbortController().signal)
    const lost = once(lease.lost, 'abort')
    await Promise.all([members[1].signal('SIGKILL'), members[2].signal('SIGKILL')])
    const word = await commit(store, 1, 0).then(
      ({ kind }) => kind,
      (error: { code: string }) => error.code,
    )
    expect(['unknown', 'UNAVAILABLE']).toContain(word)
    await lost
    await store.close()
    await Promise.all(members.map((member) => member.stop()))
  })
})
