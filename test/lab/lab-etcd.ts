import { join } from 'node:path'
import type { LabProcess } from './lab-process.ts'
import type { Machine } from './machine.ts'

const CLIENT_PORT = 2379
const PEER_PORT = 2380

/** An etcd with a member on each of some machines. What they have written survives kills and losses of power. */
export class LabEtcd {
  readonly #machines: readonly Machine[]
  readonly #directory: string
  readonly #members = new Map<Machine, LabProcess>()

  constructor(machines: readonly Machine[], directory: string) {
    this.#machines = machines
    this.#directory = directory
  }

  /** As `--etcd-endpoints` takes them. */
  get endpoints(): string {
    return this.#machines.map(({ address }) => `${address}:${CLIENT_PORT}`).join(',')
  }

  /** Pids of the members that run. */
  get pids(): readonly number[] {
    return [...this.#members.values()].filter(({ isRunning }) => isRunning).map(({ pid }) => pid)
  }

  /** Starts what does not run; resolves when it serves. */
  async start(): Promise<void> {
    await Promise.all(this.#machines.map((machine) => this.startOn(machine)))
  }

  /** Starts the member of a machine, if there is to be one. */
  async startOn(machine: Machine): Promise<void> {
    if (!this.#machines.includes(machine) || this.#members.get(machine)?.isRunning) return
    const member = await machine.spawn(this.#argv(machine))
    this.#members.set(machine, member)
    await member.says('serving')
  }

  /** Kills every member with signal 9. */
  async kill(): Promise<void> {
    await Promise.all([...this.#members.values()].map((member) => member.signal('SIGKILL')))
  }

  #argv(machine: Machine): string[] {
    const client = `http://${machine.address}:${CLIENT_PORT}`
    const all = this.#machines.map((one) => `${one.name}=${peer(one)}`).join(',')
    return [
      ...['/usr/bin/etcd', '--name', machine.name, '--data-dir', join(this.#directory, machine.name)],
      ...['--logger', 'zap', '--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer(machine), '--initial-advertise-peer-urls', peer(machine)],
      ...['--initial-cluster', all],
    ]
  }
}

function peer({ address }: Machine): string {
  return `http://${address}:${PEER_PORT}`
}
