import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterView, TaskView } from '../../src/core/model/view.ts'
import { until } from '../system/gantry.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'

const PORT = 2379

/** A cluster on the hosts of a lab: the first are servers, all run agents; their etcd is on the outside machine. */
export class LabCluster {
  readonly lab: Lab
  readonly servers: readonly Host[]
  readonly #directory: string

  private constructor(lab: Lab, servers: readonly Host[], directory: string) {
    this.lab = lab
    this.servers = servers
    this.#directory = directory
  }

  /** Resolves when every node is ready. */
  static async start(lab: Lab, options: { readonly servers: number }): Promise<LabCluster> {
    const directory = mkdtempSync(join(lab.directory, 'cluster-'))
    const servers = lab.hosts.slice(0, options.servers)
    const cluster = new LabCluster(lab, servers, directory)
    await cluster.#startEtcd()
    for (const host of lab.hosts) host.env['GANTRY_RUNTIME'] = 'docker'
    const [first, ...others] = servers
    if (first === undefined) throw new Error('a cluster needs a server')
    await first.up(...cluster.#serverArgs(first))
    const forServers = await cluster.#token(first, '--role', 'server', '--uses', '0')
    for (const host of others) {
      const joining = ['--servers', first.address, '--join-token-file', forServers]
      await host.up(...cluster.#serverArgs(host), ...joining)
    }
    const forAgents = await cluster.#token(first)
    const known = servers.map(({ address }) => address).join(',')
    await Promise.all(
      lab.hosts.slice(options.servers).map((host) => {
        const joining = ['--servers', known, '--join-token-file', forAgents, '--address', host.address]
        return host.start(['agent', '--name', host.name, ...joining], 'Gantry is up')
      }),
    )
    await until(
      () => first.json<ClusterView>('cluster'),
      ({ nodes }) => nodes.filter(({ status }) => status === 'ready').length === lab.hosts.length,
    )
    return cluster
  }

  /** A server that is on; it answers for the cluster. */
  get voice(): Host {
    const host = this.servers.find((server) => server.isOn && server.gantryProcess?.isRunning === true)
    if (host === undefined) throw new Error('no server is left')
    return host
  }

  view(): Promise<ClusterView> {
    return this.voice.json<ClusterView>('cluster')
  }

  tasks(service: string): Promise<TaskView[]> {
    return this.voice.json<TaskView[]>('tasks', service)
  }

  /** Applies a manifest and waits until it is reached. */
  async apply(manifest: string): Promise<void> {
    const file = join(this.#directory, 'manifest.yaml')
    writeFileSync(file, manifest)
    const { code, stderr } = await this.voice.gantry('apply', '--yes', '--config', file)
    if (code !== 0) throw new Error(`apply ended with ${code}: ${stderr}`)
  }

  /** The host of the server that leads. */
  async leader(): Promise<Host> {
    const { leadership } = await this.view()
    const host = this.servers.find(({ name }) => name === leadership.holder)
    if (host === undefined) throw new Error(`no host is called ${leadership.holder}`)
    return host
  }

  #serverArgs(host: Host): string[] {
    const store = ['--backend-type', 'etcd', '--etcd-endpoints', `${this.lab.outside.address}:${PORT}`]
    return ['--name', host.name, '--link', `${host.address}:7947`, ...store, '--leader-ttl', '3s']
  }

  async #startEtcd(): Promise<void> {
    const { address } = this.lab.outside
    const data = join(this.#directory, 'etcd')
    rmSync(data, { recursive: true, force: true })
    const client = `http://${address}:${PORT}`
    const peer = `http://${address}:${PORT + 1}`
    const etcd = await this.lab.outside.spawn([
      ...['/usr/bin/etcd', '--name', 'lab', '--data-dir', data, '--logger', 'zap'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `lab=${peer}`],
    ])
    await etcd.says('serving')
  }

  async #token(by: Host, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await by.gantry('join-token', 'create', ...args)
    if (code !== 0) throw new Error(`join-token create ended with ${code}: ${stderr}`)
    const file = join(this.#directory, `token-${args.join('') || 'agent'}`)
    writeFileSync(file, stdout, { mode: 0o600 })
    return file
  }
}
