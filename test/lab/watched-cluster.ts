import { until } from '../system/gantry.ts'
import { EngineEvents } from './engine-events.ts'
import { changed, type Placed, reignsOf, runningContainers } from './ground-truth.ts'
import { overlaps } from './history.ts'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { LabCluster } from './lab-cluster.ts'
import { doubles, runsOf } from './runs.ts'
import { type ContainerWatch, watchContainers } from './watch-containers.ts'
import { isUnwritten, WATCHED_MANIFEST, WEB_REPLICAS } from './watched-manifest.ts'
import { type Acknowledged, Writer } from './writer.ts'

const SETTLED_WITHIN_MS = 180_000
/** Older manifest revisions are forgotten; so many are kept at least. */
const REMEMBERED = 45

/** What a scenario did, and what it means for the promises. */
export interface Fault {
  /** Hosts whose containers may end or start anew. */
  readonly touches: readonly Host[]
  /** What was seen, for people. */
  readonly facts: Readonly<Record<string, number | string>>
}

/** What came of a scenario. */
export interface Verdict {
  /** Promises that were not kept; empty is what is hoped for. */
  readonly broken: readonly string[]
  readonly facts: Readonly<Record<string, number | string>>
}

/**
 * A cluster of three servers with a member of etcd each, and of agents, on real engines. What runs is known from the engines'
 * events and from the kernel, never from Gantry; and while something fails, a writer changes the manifest.
 */
export class WatchedCluster {
  readonly lab: Lab
  readonly cluster: LabCluster
  readonly events: EngineEvents
  readonly #watch: ContainerWatch
  #number = 1

  private constructor(lab: Lab, cluster: LabCluster, events: EngineEvents) {
    this.lab = lab
    this.cluster = cluster
    this.events = events
    this.#watch = watchContainers(lab.hosts)
  }

  static async start(lab: Lab, upArgs: readonly string[] = []): Promise<WatchedCluster> {
    const cluster = await LabCluster.start(lab, { servers: 3, etcd: 'servers', upArgs })
    await cluster.apply(WATCHED_MANIFEST(0))
    return new WatchedCluster(lab, cluster, await EngineEvents.follow(lab.hosts))
  }

  get agents(): readonly Host[] {
    return this.lab.hosts.filter((host) => !this.cluster.servers.includes(host))
  }

  /** The machine that runs what may run only once, if that is an agent; else any agent. */
  async homeOfOnly(): Promise<Host> {
    const [only] = (await runningContainers(this.agents)).filter(({ service }) => service === 'only')
    const host = this.agents.find(({ name }) => name === only?.host) ?? this.agents[0]
    if (host === undefined) throw new Error('there are no agents')
    return host
  }

  /** The agent's machine that runs most of `web`, of all but one. */
  async fullestAgent(spared: Host | null = null): Promise<Host> {
    const web = (await runningContainers(this.agents)).filter(({ service }) => service === 'web')
    const count = (one: Host): number => web.filter(({ host }) => host === one.name).length
    const [host] = this.agents.filter((one) => one !== spared).toSorted((a, b) => count(b) - count(a))
    if (host === undefined) throw new Error('there are no agents')
    return host
  }

  /** Loses power of a host; the watch takes note of it. */
  async powerOff(host: Host): Promise<void> {
    await host.powerOff()
    this.events.powerLost(host, Date.now())
  }

  /** Makes something fail while changes are written, lets it all settle, and judges. The fault leaves everything switched on. */
  async during(fault: (writer: Writer) => Promise<Fault>): Promise<Verdict> {
    const before = await this.settled()
    const clients = this.cluster.servers.map((server) => this.cluster.client(server))
    const writer = new Writer({ clients, manifest: WATCHED_MANIFEST, firstNumber: this.#number })
    const began = Date.now()
    try {
      const { touches, facts } = await fault(writer)
      await writer.goesOn()
      const acknowledged = await writer.stop()
      const after = await this.settled()
      const spared = before.filter(({ host }) => !touches.some(({ name }) => name === host))
      const broken = [
        ...changed(spared, after).map(({ task, host }) => `${task} on ${host} did not run on untouched`),
        ...this.#doubles(),
        ...(await this.#lostWrites(acknowledged)),
        ...(await this.#untrueListings()),
      ]
      const took = {
        ...writer.refused,
        'acknowledged writes': acknowledged.length,
        'longest s without one': writer.longestGapMs / 1_000,
      }
      return { broken, facts: { ...facts, ...took, 'took s': (Date.now() - began) / 1_000 } }
    } finally {
      await writer.stop()
      this.#number = writer.nextNumber
    }
  }

  /** Resolves when every node is ready and what runs is what the records say, with all that runs but what is written. */
  async settled(): Promise<readonly Placed[]> {
    const client = this.cluster.client()
    await until(
      async () => {
        const { nodes, desiredRevision } = await client.cluster()
        const { state, message } = (await client.progress(desiredRevision)).revision
        const tasks = await client.tasks({ service: null, all: false })
        const running = (await runningContainers(this.lab.hosts)).map(({ task }) => task).sort()
        return {
          state: `${state} ${message}`,
          absent: nodes.filter(({ status }) => status !== 'ready').map(({ name, status }) => `${name} ${status}`),
          unready: tasks.filter(({ ready }) => !ready).map(({ id, state: now, message: why }) => `${id} ${now} ${why}`),
          nodes: nodes.length,
          web: tasks.filter(({ service }) => service === 'web').length,
          tasks: tasks.map(({ id }) => id).sort(),
          running,
        }
      },
      ({ state, absent, unready, nodes, web, tasks, running }) =>
        state.startsWith('applied') &&
        absent.length + unready.length === 0 &&
        nodes === this.lab.hosts.length &&
        web === WEB_REPLICAS &&
        tasks.join() === running.join(),
      SETTLED_WITHIN_MS,
    )
    return (await runningContainers(this.lab.hosts)).filter(({ service }) => isUnwritten(service))
  }

  async stop(): Promise<void> {
    this.#watch.stop()
    await this.events.stop()
  }

  #doubles(): string[] {
    const told = doubles(runsOf(this.events.events), 'only').map(
      ([one, other]) =>
        `the engines say that ${one.task} on ${one.host} and ${other.task} on ${other.host} ran at once`,
    )
    const seen = overlaps(this.#watch.history, (service) => service === 'only').map(
      ({ containers }) => `the kernel had ${containers.map(({ task, host }) => `${task} on ${host}`).join(' and ')}`,
    )
    return [...told, ...seen]
  }

  async #lostWrites(acknowledged: readonly Acknowledged[]): Promise<string[]> {
    const client = this.cluster.client()
    const newest = (await client.cluster()).desiredRevision
    const numbers = new Map<number, number>()
    const broken: string[] = []
    for (const { number, revision } of acknowledged) {
      const other = numbers.get(revision)
      if (other !== undefined) broken.push(`changes ${other} and ${number} were both told to be revision ${revision}`)
      numbers.set(revision, number)
      if (revision > newest) broken.push(`change ${number}, revision ${revision}, is beyond the newest, ${newest}`)
      else if (revision > newest - REMEMBERED) {
        const { text } = await client.revision(revision)
        if (text !== WATCHED_MANIFEST(number)) broken.push(`change ${number} is not what revision ${revision} holds`)
      }
    }
    return broken
  }

  /** Every server names the same leader, and it is the one whose own log says so. */
  async #untrueListings(): Promise<string[]> {
    const views = await Promise.all(
      this.cluster.servers.map(async (server) => {
        const { leadership, nodes } = await this.cluster.client(server).cluster()
        return { server, leadership, nodes }
      }),
    )
    const leaders = this.cluster.servers.flatMap((server) => {
      const reign = server.gantryProcess === null ? undefined : reignsOf(server.gantryProcess).at(-1)
      return reign === undefined || reign.until !== null ? [] : [`${server.name} in epoch ${reign.epoch}`]
    })
    const named = new Set(views.map(({ leadership }) => `${leadership.holder} in epoch ${leadership.epoch}`))
    const all = this.lab.hosts.map(({ name }) => name).sort()
    return [
      ...(leaders.join() === [...named].join()
        ? []
        : [`${[...named].join(' and ')} are said to lead; ${leaders.join(' and ')} do`]),
      ...views
        .filter(
          ({ nodes }) =>
            nodes
              .map(({ name }) => name)
              .sort()
              .join() !== all.join(),
        )
        .map(({ server }) => `${server.name} does not list all nodes, or others`),
    ]
  }
}
