import { expect, test } from 'vitest'
import type { Snapshot, Store, Write } from '../../src/ports/store.ts'
import type { EtcdOptions } from '../../src/store/etcd/etcd-store.ts'
import { EtcdStore } from '../../src/store/etcd/etcd-store.ts'
import { anEtcd, etcdTests, sharedEtcd } from './etcd-tests.ts'

etcdTests(() => {
  const etcd = sharedEtcd()

  const putDesired = (revision: number): Write => ({ put: 'desired/self', value: { revision } })
  const commit = (store: Store, writes: readonly Write[]): ReturnType<Store['commit']> =>
    store.commit({ epoch: null, expect: [], writes, events: [] })

  /** Commits until one is accepted; returns the codes of the refusals before it. */
  async function commitAtLast(store: Store, revision: number): Promise<readonly string[]> {
    const refusals: string[] = []
    for (;;) {
      try {
        if ((await commit(store, [putDesired(revision)])).kind === 'committed') return refusals
      } catch (error) {
        refusals.push((error as { code: string }).code)
      }
    }
  }

  async function made(): Promise<EtcdOptions> {
    const options = etcd().options()
    const store = await EtcdStore.open(options)
    await commit(store, [putDesired(1)])
    await store.close()
    return options
  }

  test('what was acknowledged is there for the next one that opens the namespace', async () => {
    const options = await made()
    const store = await EtcdStore.open(options)
    expect(await store.load()).toEqual({
      revision: 1,
      records: [{ key: 'desired/self', value: { revision: 1 }, revision: 1 }],
    })
    expect(await commit(store, [putDesired(2)])).toEqual({ kind: 'committed', revision: 2 })
    await store.close()
  })

  test('keys are where the documentation says', async () => {
    const { namespace } = await made()
    expect(await etcd().get(`${namespace}/objects/desired/self`)).toBe('{"revision":1,"value":{"revision":1}}')
    const head = JSON.parse((await etcd().get(`${namespace}/head`)) ?? '') as unknown
    expect(head).toMatchObject({ format: 1, revision: 1, first: 1, turn: 1, deleted: {} })
  })

  test('a namespace that holds something else is refused and left as it is', async () => {
    const options = etcd().options()
    await etcd().put(`${options.namespace}/other/key`, 'theirs')
    const refusal = {
      code: 'STORE_CORRUPT',
      message: expect.stringContaining(`it holds ${options.namespace}/other/key`),
    }
    await expect(EtcdStore.open(options)).rejects.toMatchObject(refusal)
    expect(await etcd().get(`${options.namespace}/head`)).toBeNull()
  })

  test('namespaces that begin alike do not touch each other', async () => {
    const options = await made()
    const store = await EtcdStore.open({ ...options, namespace: `${options.namespace}0` })
    expect((await store.load()).records).toEqual([])
    await store.close()
  })

  test.each([
    ['a newer format', 'head', '{"format":2,"store":"x","revision":1,"first":1}', 'format 2, this one knows 1'],
    ['no JSON', 'head', 'what is this', 'head was not written by Gantry'],
    ['no revision', 'head', '{"format":1,"store":"x"}', 'head is damaged'],
    ['a foreign object', 'objects/service/web', '{"name":"web"}', 'objects/service/web was not written by Gantry'],
    ['an object of the future', 'objects/service/web', '{"revision":7,"value":{}}', 'has revision 7 of 1'],
  ])('a state with %s is refused and left as it is', async (_, key, value, why) => {
    const options = await made()
    await etcd().put(`${options.namespace}/${key}`, value)
    const refusal = { code: 'STORE_CORRUPT', message: expect.stringContaining(why) }
    await expect(EtcdStore.open(options)).rejects.toMatchObject(refusal)
    expect(await etcd().get(`${options.namespace}/${key}`)).toBe(value)
  })

  test('a state whose head is gone is refused', async () => {
    const options = await made()
    await etcd().delete(`${options.namespace}/head`)
    await expect(EtcdStore.open(options)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  })

  test.each(['', '/', 'a/', '/a', 'a//b', 'a b', 'ä'])('the namespace "%s" is refused', async (namespace) => {
    await expect(EtcdStore.open(etcd().options({ namespace }))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })

  test('an object that was changed by hand is seen as it is, and what follows is not lost', async () => {
    const options = etcd().options()
    const store = await EtcdStore.open(options)
    await commit(store, [putDesired(1), { put: 'service/web', value: { name: 'web', attemptFloor: 1, retryAt: null } }])
    const wholes: Snapshot[] = []
    const whole = new Promise<void>((resolve) => {
      store.watch(
        1,
        () => undefined,
        (snapshot) => {
          wholes.push(snapshot)
          resolve()
        },
      )
    })
    await etcd().delete(`${options.namespace}/objects/service/web`)
    await whole
    expect(wholes[0]?.records.map(({ key }) => key)).toEqual(['desired/self'])
    const stale = [{ key: 'service/web', revision: 1 }] as const
    expect(await store.commit({ epoch: null, expect: stale, writes: [putDesired(2)], events: [] })).toEqual({
      kind: 'conflict',
      keys: ['service/web'],
    })
    expect(await commit(store, [putDesired(2)])).toEqual({ kind: 'committed', revision: 2 })
    await store.close()
  })

  test('a state that went back is not believed until it is itself again', async () => {
    const options = etcd().options()
    const store = await EtcdStore.open(options)
    const keys = [`${options.namespace}/objects/desired/self`, `${options.namespace}/head`] as const
    const keep = (): Promise<readonly (string | null)[]> => Promise.all(keys.map((key) => etcd().get(key)))
    const putBack = async (texts: readonly (string | null)[]): Promise<void> => {
      for (const [i, key] of keys.entries()) await etcd().put(key, texts[i] ?? '')
    }
    for (let i = 1; i <= 2; i++) await commit(store, [putDesired(i)])
    const older = await keep()
    await commit(store, [putDesired(3)])
    const newer = await keep()
    await putBack(older)
    await expect(commit(store, [putDesired(4)])).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const refusal = { code: 'UNAVAILABLE', message: expect.stringContaining('went back from revision 3 to 2') }
    await expect(commit(store, [putDesired(4)])).rejects.toMatchObject(refusal)
    await putBack(newer)
    await commitAtLast(store, 4)
    expect((await store.load()).revision).toBe(4)
    await store.close()
  })

  test('a commit that is too large for etcd is refused, and nothing of it is there', async () => {
    const store = await etcd().open()
    const value = { requestHash: '', status: 1, body: 'x'.repeat(2_000_000), at: 1 }
    const large = commit(store, [{ put: 'idempotency/x', value }])
    await expect(large).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(await store.load()).toEqual({ revision: 0, records: [] })
    expect((await commit(store, [putDesired(1)])).kind).toBe('committed')
    await store.close()
  })

  test('a full etcd refuses with nothing written, and goes on when it has room again', async () => {
    const small = await anEtcd(['--quota-backend-bytes', `${4 * 1024 * 1024}`])
    const store = await small.open()
    let acknowledged = 0
    let refusal: unknown = null
    while (refusal === null) {
      const value = { requestHash: '', status: acknowledged, body: 'x'.repeat(200_000), at: 1 }
      await commit(store, [{ put: 'idempotency/x', value }]).then(
        () => acknowledged++,
        (error: unknown) => (refusal = error),
      )
    }
    expect(refusal).toMatchObject({ code: 'STORE_FULL' })
    const { revision, records } = await store.load()
    expect([revision, records[0]?.value]).toMatchObject([acknowledged, { status: acknowledged - 1 }])
    await small.compact()
    await small.call('maintenance/defragment', {})
    const { alarms } = await small.call('maintenance/alarm', { action: 'GET' })
    for (const { memberID } of alarms as readonly { readonly memberID: string }[]) {
      await small.call('maintenance/alarm', { action: 'DEACTIVATE', alarm: 'NOSPACE', memberID })
    }
    expect(await commit(store, [putDesired(1)])).toEqual({ kind: 'committed', revision: acknowledged + 1 })
    await store.close()
  })
})
