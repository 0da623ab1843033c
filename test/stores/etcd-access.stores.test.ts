import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Store } from '../../src/ports/store.ts'
import { EtcdStore } from '../../src/store/etcd/etcd-store.ts'
import { base64 } from './etcd.ts'
import { anEtcd, etcdTests } from './etcd-tests.ts'

function putDesired(store: Store, revision: number): ReturnType<Store['commit']> {
  return store.commit({ epoch: null, expect: [], writes: [{ put: 'desired/self', value: { revision } }], events: [] })
}

/** A certificate authority of its own, and what it has signed for 127.0.0.1. */
class TestAuthority {
  readonly directory = mkdtempSync(join(tmpdir(), 'gantry-etcd-tls-'))

  constructor() {
    this.#openssl('req', '-x509', ...KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '10', '-subj', '/CN=test')
  }

  sign(name: string): void {
    const extensions = 'subjectAltName=IP:127.0.0.1,DNS:etcd.test\nextendedKeyUsage=serverAuth,clientAuth\n'
    writeFileSync(this.path('extensions'), extensions)
    this.#openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions', '-days', '10']
    this.#openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signing)
  }

  path(file: string): string {
    return join(this.directory, file)
  }

  text(file: string): string {
    return readFileSync(this.path(file), 'utf8')
  }

  remove(): void {
    rmSync(this.directory, { recursive: true })
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.directory, stdio: 'ignore' })
  }
}

const GANTRY = { name: 'gantry', password: 'secret' }

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const

etcdTests(() => {
  test('over mutual TLS a client with a certificate of the authority is served, and others are told why not', async () => {
    const authority = new TestAuthority()
    authority.sign('server')
    authority.sign('client')
    const files = ['--cert-file', authority.path('server.pem'), '--key-file', authority.path('server.key')]
    const args = [...files, '--trusted-ca-file', authority.path('ca.pem'), '--client-cert-auth']
    const etcd = await anEtcd(args, 'https')
    const ca = authority.text('ca.pem')
    const tls = { ca, cert: authority.text('client.pem'), key: authority.text('client.key'), serverName: 'etcd.test' }

    const store = await etcd.open({ tls })
    expect(await putDesired(store, 1)).toEqual({ kind: 'committed', revision: 1 })
    await etcd.signal('SIGKILL')
    await etcd.run()
    expect(await putDesired(store, 2)).toEqual({ kind: 'committed', revision: 2 })
    await store.close()

    const stranger = new TestAuthority()
    const short = { requestTimeoutMs: 1_000 }
    for (const wrong of [
      { ca, serverName: 'etcd.test' },
      { ...tls, ca: stranger.text('ca.pem') },
      { ...tls, serverName: 'x.test' },
    ]) {
      await expect(etcd.open({ tls: wrong, ...short })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    }
    await expect(etcd.open(short)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    stranger.remove()
    authority.remove()
  })

  test('a user of etcd may do what its role allows, also when etcd has forgotten its token', async () => {
    const etcd = await anEtcd()
    const options = etcd.options({ user: { ...GANTRY }, requestTimeoutMs: 4_000 })
    await etcd.call('auth/user/add', { name: 'root', password: 'root' })
    await etcd.call('auth/role/add', { name: 'root' })
    await etcd.call('auth/user/grant', { user: 'root', role: 'root' })
    await etcd.call('auth/user/add', GANTRY)
    await etcd.call('auth/role/add', { name: 'gantry' })
    const perm = {
      permType: 'READWRITE',
      key: base64(`${options.namespace}/`),
      range_end: base64(`${options.namespace}0`),
    }
    await etcd.call('auth/role/grant', { name: 'gantry', perm })
    await etcd.call('auth/user/grant', { user: 'gantry', role: 'gantry' })
    await etcd.call('auth/enable', {})

    const [store, other] = [await EtcdStore.open(options), await EtcdStore.open(options)]
    expect(await putDesired(store, 1)).toEqual({ kind: 'committed', revision: 1 })
    await (await store.campaign('a', new AbortController().signal)).release()
    const seen: number[] = []
    const third = new Promise<void>((resolve) => {
      other.watch(
        0,
        ({ revision }) => {
          seen.push(revision)
          if (revision === 3) resolve()
        },
        () => expect.unreachable('there is no gap'),
      )
    })
    // Tokens do not survive.
    await etcd.signal('SIGKILL')
    await etcd.run()
    expect(await putDesired(store, 2)).toEqual({ kind: 'committed', revision: 2 })
    expect(await putDesired(other, 3)).toEqual({ kind: 'committed', revision: 3 })
    await third
    expect(seen).toEqual([1, 2, 3])
    await store.close()
    await other.close()

    const refused = { code: 'PREREQUISITE', message: expect.not.stringContaining('secret') }
    await expect(EtcdStore.open({ ...options, namespace: 'elsewhere' })).rejects.toMatchObject(refused)
    const wrong = { name: 'gantry', password: 'wrong' }
    await expect(EtcdStore.open({ ...options, user: wrong })).rejects.toMatchObject(refused)
    const { user: _, ...nobody } = options
    await expect(EtcdStore.open(nobody)).rejects.toMatchObject(refused)
  })
})
