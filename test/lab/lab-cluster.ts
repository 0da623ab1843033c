import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterView, TaskView } from '../../src/core/model/view.ts'
import { type Client, createClient } from '../../src/transport/client.ts'
import { until } from '../system/gantry.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { LabEtcd } from './lab-etcd.ts'

export interface LabClusterOptions {
  readonly servers: number
  /** Where etcd runs: one member on the outside machine, which no fault of a host touches, or one on each server. */
  readonly etcd?: 'outside' | 'servers'
  /** Further words for each `gantry up`. */
  readonly upArgs?: readonly string[]
}

/** A cluster on the hosts of a lab: the first are servers, all run agents. */
export class LabCluster {
  readonly lab: Lab
  readonly servers: readonly Host[]
  readonly etcd: LabEtcd
  readonly #directory: string
  #upArgs: readonly string[]

  private constructor(lab: Lab, { servers, etcd = 'outside', upArgs = [] }: LabClusterOptions) {
    this.lab = lab
    this.servers = lab.hosts.slice(0, servers)
    this.#directory = mkdtempSync(join(lab.directory, 'cluster-'))
    this.#upArgs = upArgs
    this.etcd = new LabEtcd(etcd === 'outside' ? [lab.outside] : this.servers, join(this.#directory, 'etcd'))
  }

  /** Resolves when every node is ready. */
  static async start(lab: Lab, options: LabClusterOptions): Promise<LabCluster> {
    const cluster = new LabCluster(lab, options)
    const { servers } = cluster
    await cluster.etcd.start()
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

  /** Speaks to a server's own socket, so that a fault of the network does not come between. */
  client(server: Host = this.voice): Client {
    return createClient({ socketPath: join(server.dataDir, 'gantry.sock') })
  }

  /** Switches a host on that was off, with what ran there. */
  async powerOn(host: Host): Promise<void> {
    await host.powerOn()
    await this.bringBack(host)
  }

  /** Starts on a host that is on again what ran there. */
  async bringBack(host: Host): Promise<void> {
    await this.etcd.startOn(host)
    await host.restartGantry()
  }

  /** Starts every server anew, one after the other, with these further words instead of those of the start. */
  async retune(upArgs: readonly string[]): Promise<void> {
    this.#upArgs = upArgs
    for (const server of this.servers) {
      await server.gantryProcess?.end('SIGTERM')
      await server.up(...this.#serverArgs(server))
    }
  }

  #serverArgs(host: Host): string[] {
    const store = ['--backend-type', 'etcd', '--etcd-endpoints', this.etcd.endpoints, '--leader-ttl', '3s']
    return ['--name', host.name, '--link', `${host.address}:7947`, ...store, '--log-level', 'info', ...this.#upArgs]
  }

  async #token(by: Host, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await by.gantry('join-token', 'create', ...args)
    if (code !== 0) throw new Error(`join-token create ended with ${code}: ${stderr}`)
    const file = join(this.#directory, `token-${args.join('') || 'agent'}`)
    writeFileSync(file, stdout, { mode: 0o600 })
    return file
  }
}
