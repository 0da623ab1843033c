import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskLogLine } from '../../src/control/api.ts'
import type { Event } from '../../src/core/model/event.ts'
import type { Node } from '../../src/core/model/node.ts'
import type { RevisionProgress, ServiceView, TaskView } from '../../src/core/model/view.ts'
import { parseEngineAddress } from '../../src/drivers/docker/address.ts'
import { EngineConnection } from '../../src/drivers/docker/connection.ts'
import { type Client, createClient } from '../../src/transport/client.ts'
import type { TestEngine } from '../engine/engine.ts'
import { aGantry, type Gantry, until } from './gantry.ts'

/** What a program run in a task has printed, and how it ended. */
export interface Told {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A running `gantry up`, its API, and the engine that it was given. */
export class TestCluster {
  readonly gantry: Gantry
  readonly client: Client
  /** What the engine itself says. */
  readonly raw: EngineConnection

  private constructor(gantry: Gantry, raw: EngineConnection) {
    this.gantry = gantry
    this.client = createClient({ socketPath: join(gantry.dataDir, 'gantry.sock') })
    this.raw = raw
  }

  /** Words are those of `gantry up`. */
  static async start(engine: TestEngine, ...words: readonly string[]): Promise<TestCluster> {
    const gantry = await aGantry({ DOCKER_HOST: engine.host })
    const cluster = new TestCluster(gantry, new EngineConnection(parseEngineAddress(engine.host)))
    await gantry.up(...words)
    return cluster
  }

  /** A directory for mounts, below the cluster's own. */
  directory(name: string): string {
    const path = join(this.gantry.dataDir, 'of-the-test', name)
    mkdirSync(path, { recursive: true })
    return path
  }

  /** Applies a manifest and waits until its revision has ended. */
  async apply(text: string): Promise<RevisionProgress> {
    const { revision } = await this.client.apply({ kind: 'apply', text, file: null }, null)
    return this.ended(revision)
  }

  /** Applies a manifest that must be reached. */
  async run(text: string): Promise<readonly TaskView[]> {
    mustBeApplied(await this.apply(text))
    return this.tasks()
  }

  /** Waits until a revision has ended; with null, that there was nothing to change, the newest. */
  async ended(revision: number | null): Promise<RevisionProgress> {
    const number = revision ?? (await this.client.cluster()).desiredRevision
    return until(
      () => this.client.progress(number),
      (progress) => progress.revision.state !== 'progressing',
    )
  }

  /** Tasks that have not ended; of one service, in the order of their slots. */
  tasks(service: string | null = null): Promise<readonly TaskView[]> {
    return this.client.tasks({ service, all: false })
  }

  /** Ended tasks that are still kept, too. */
  allTasks(service: string): Promise<readonly TaskView[]> {
    return this.client.tasks({ service, all: true })
  }

  async service(name: string): Promise<ServiceView> {
    return this.client.service(name)
  }

  /** Asks for a service until it is so. */
  untilService(name: string, holds: (service: ServiceView) => boolean): Promise<ServiceView> {
    return until(() => this.client.service(name), holds)
  }

  /** Asks for the tasks of a service until they are so. */
  untilTasks(service: string, holds: (tasks: readonly TaskView[]) => boolean): Promise<readonly TaskView[]> {
    return until(() => this.allTasks(service), holds)
  }

  /** Asks until the node says so about its engine. */
  async untilEngine(available: boolean): Promise<void> {
    const isSo = (nodes: readonly Node[]): boolean =>
      nodes.every(({ runtimes }) =>
        runtimes.every(({ kind, ...runtime }) => kind !== 'docker' || runtime.available === available),
      )
    await until(() => this.client.nodes(), isSo)
  }

  events(service: string): Promise<readonly Event[]> {
    return this.client.events({ after: null, service, object: null, limit: null })
  }

  /** Runs a program in a task. */
  async exec(task: string, ...argv: readonly string[]): Promise<Told> {
    const request = { argv, tty: false, stdin: false, env: {}, user: null, workingDir: null, size: null }
    const session = await this.client.exec(task, request)
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
    const printed = { stdout: '', stderr: '' }
    for await (const { stream, data } of session.output)
      printed[stream] += decoders[stream].decode(data, { stream: true })
    return { code: await session.exit, ...printed }
  }

  /** What a shell prints that runs this in a task; it must succeed. */
  async shell(task: string, script: string): Promise<string> {
    const { code, stdout, stderr } = await this.exec(task, 'sh', '-c', script)
    if (code !== 0) throw new Error(`in ${task}, ${script} ended with ${code}: ${stdout}${stderr}`)
    return stdout.trim()
  }

  async logs(service: string): Promise<readonly TaskLogLine[]> {
    const query = { follow: false, tail: null, since: null }
    const lines: TaskLogLine[] = []
    for await (const line of this.client.serviceLogs(service, query, AbortSignal.timeout(60_000))) lines.push(line)
    return lines
  }

  /** What the engine says of a task's container. */
  async container(task: TaskView | undefined): Promise<EngineContainer> {
    const path = `/containers/${task?.containerId}/json`
    const { body } = await this.raw.call({ method: 'GET', path, doing: 'look at a container' })
    return body as EngineContainer
  }

  /** Names of the containers that this cluster has in the engine, in any state. */
  async containers(): Promise<readonly string[]> {
    const { cluster } = await this.client.cluster()
    const filters = JSON.stringify({ label: [`gantry.cluster=${cluster.id}`] })
    const query = { all: 'true', filters }
    const { body } = await this.raw.call({ method: 'GET', path: '/containers/json', query, doing: 'list containers' })
    return (body as { Names: string[] }[]).map(({ Names: [name = ''] }) => name)
  }

  /** Takes every service away, so that the next test begins with none. */
  async clear(): Promise<void> {
    const { revision } = await this.client.apply({ kind: 'destroy' }, null)
    if (revision !== null) mustBeApplied(await this.ended(revision))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.raw.close()
    await this.gantry[Symbol.asyncDispose]()
  }
}

/** The part of the engine's answer that tests look at. */
export interface EngineContainer {
  readonly Id: string
  readonly Created: string
  readonly State: { readonly Pid: number; readonly Status: string; readonly ExitCode: number }
  readonly Config: { readonly Labels: Readonly<Record<string, string>>; readonly StopSignal?: string }
  readonly HostConfig: {
    readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> }
    readonly Dns: readonly string[]
    readonly RestartPolicy: { readonly Name: string }
  }
}

function mustBeApplied({ revision, services }: RevisionProgress): void {
  if (revision.state === 'applied') return
  const told = services.map(({ name, health, message }) => `${name} is ${health}: ${message}`).join('; ')
  throw new Error(`manifest ${revision.number} is ${revision.state}: ${revision.message}. ${told}`)
}
