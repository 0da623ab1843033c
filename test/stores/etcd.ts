import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/drivers/clock.ts'
import { systemRng } from '../../src/drivers/rng.ts'
import type { EtcdOptions } from '../../src/store/etcd/etcd-store.ts'
import { EtcdStore } from '../../src/store/etcd/etcd-store.ts'
import { freePort } from '../free-port.ts'

/** Where Debian puts it. */
export const ETCD_PROGRAM = '/usr/bin/etcd'

/** A real etcd of one member, on loopback, with a directory of its own. It may be killed, stopped and started again. */
export class TestEtcd {
  readonly address: string
  readonly #name: string
  readonly #url: string
  readonly #peerUrl: string
  readonly #directory: string
  readonly #args: readonly string[]
  #cluster: string
  #child: ChildProcess | null = null
  #said = ''
  #namespaces = 0

  private constructor(name: string, ports: readonly [number, number], scheme: string, args: readonly string[]) {
    this.address = `127.0.0.1:${ports[0]}`
    this.#name = name
    this.#url = `${scheme}://${this.address}`
    this.#peerUrl = `http://127.0.0.1:${ports[1]}`
    this.#cluster = `${name}=${this.#peerUrl}`
    this.#directory = mkdtempSync(join(tmpdir(), 'gantry-etcd-'))
    this.#args = args
  }

  /** Starts one; further arguments are those of etcd. */
  static async start(args: readonly string[] = [], scheme = 'http'): Promise<TestEtcd> {
    const etcd = new TestEtcd('test', [await freePort(), await freePort()], scheme, args)
    await etcd.run()
    return etcd
  }

  /** Starts three that are members of one. */
  static async startThree(): Promise<readonly [TestEtcd, TestEtcd, TestEtcd]> {
    const make = async (name: string): Promise<TestEtcd> =>
      new TestEtcd(name, [await freePort(), await freePort()], 'http', [])
    const members = [await make('one'), await make('two'), await make('three')] as const
    const cluster = members.map((member) => member.#cluster).join(',')
    for (const member of members) member.#cluster = cluster
    await Promise.all(members.map((member) => member.run()))
    return members
  }

  /** Starts the program on what is in its directory; resolves when it serves. */
  async run(): Promise<void> {
    this.#said = ''
    const args = [
      ...['--name', this.#name, '--data-dir', join(this.#directory, 'data'), '--logger', 'zap'],
      ...['--listen-client-urls', this.#url, '--advertise-client-urls', this.#url],
      ...['--listen-peer-urls', this.#peerUrl, '--initial-advertise-peer-urls', this.#peerUrl],
      ...['--initial-cluster', this.#cluster, ...this.#args],
    ]
    const child = spawn(ETCD_PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    const orphaned = (): boolean => child.kill('SIGKILL')
    process.once('exit', orphaned)
    child.once('exit', () => process.off('exit', orphaned))
    const serving = new Promise<void>((resolve, reject) => {
      const listen = (chunk: Buffer): void => {
        this.#said += chunk.toString('utf8')
        if (this.#said.includes('serving client traffic')) resolve()
      }
      child.stdout.on('data', listen)
      child.stderr.on('data', listen)
      child.once('exit', () => reject(new Error(`etcd ended:\n${this.#said}`)))
    })
    await serving
  }

  /** Sends a signal: SIGKILL, or SIGSTOP and SIGCONT. Resolves when the process is gone, if it was SIGKILL. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    if (signal !== 'SIGKILL') return
    await gone
    this.#child = null
  }

  async stop(): Promise<void> {
    await this.signal('SIGKILL')
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** What a store needs to open a state of its own in here. */
  options(part: Partial<EtcdOptions> = {}): EtcdOptions {
    const namespace = `test/${++this.#namespaces}`
    return { endpoints: [this.address], namespace, clock: systemClock(), rng: systemRng(), ...part }
  }

  open(part: Partial<EtcdOptions> = {}): Promise<EtcdStore> {
    return EtcdStore.open(this.options(part))
  }

  /** Calls etcd's JSON gateway: a second opinion on what our own client says, and the way to administer it. */
  async call(path: string, body: Readonly<Record<string, unknown>>, token = ''): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.#url}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: token === '' ? {} : { authorization: token },
    })
    const answer = (await response.json()) as Record<string, unknown>
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`)
    return answer
  }

  /** Writes a key behind the store's back. */
  async put(key: string, value: string): Promise<void> {
    await this.call('kv/put', { key: base64(key), value: base64(value) })
  }

  async get(key: string): Promise<string | null> {
    const answer = await this.call('kv/range', { key: base64(key) })
    const [kv] = (answer['kvs'] ?? []) as readonly { readonly value?: string }[]
    return kv === undefined ? null : Buffer.from(kv.value ?? '', 'base64').toString('utf8')
  }

  async delete(key: string): Promise<void> {
    await this.call('kv/deleterange', { key: base64(key) })
  }

  async deletePrefix(prefix: string): Promise<void> {
    const end = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`
    await this.call('kv/deleterange', { key: base64(prefix), range_end: base64(end) })
  }

  /** Forgets all history. */
  async compact(): Promise<void> {
    const { header } = await this.call('kv/range', { key: base64('x') })
    await this.call('kv/compaction', { revision: (header as { revision: string }).revision, physical: true })
  }
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
