import { OperationalError } from '../../core/errors.ts'
import type { RuntimeDescription } from '../../core/model/node.ts'
import type {
  Container,
  ContainerOrder,
  ContainerStats,
  ExecRequest,
  ExecSession,
  LogLine,
  LogQuery,
  Runtime,
} from '../../ports/runtime.ts'
import { askedInVain, describeProcesses } from './describe.ts'
import { execInProcess } from './exec-in-process.ts'
import { findProgram } from './find-program.ts'
import { requireFreePorts } from './free-port.ts'
import { launchWords, prepareDirectories } from './launch.ts'
import { queryLogs } from './log-query.ts'
import { type Machine, openMachine, type ProcessRuntimeOptions } from './machine.ts'
import { processStats } from './process-stats.ts'
import { ProcessTable } from './process-table.ts'
import { programOf } from './program.ts'
import type { Launch, SupervisedProcess } from './supervised-process.ts'
import { lookUpUser } from './user.ts'

/**
 * Runs tasks as supervised processes of this machine (Linux). A container's id is its task's id, made safe for a file
 * name; everything about it is below `<data directory>/processes`, so that a restarted Gantry, or a restarted machine,
 * finds it there. One data directory is used by one object at a time.
 */
export class ProcessRuntime implements Runtime {
  readonly kind = 'process'
  readonly #options: ProcessRuntimeOptions
  readonly #hints = new Set<(containerId: string | null) => void>()
  #opened: Promise<{ machine: Machine; table: ProcessTable }> | null = null

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options
  }

  async describe(): Promise<RuntimeDescription> {
    const { tools, tree } = (await this.#open()).machine
    return describeProcesses({ platform: process.platform, isRoot: process.getuid?.() === 0, tools, tree })
  }

  async list(): Promise<readonly Container[]> {
    return (await this.#open()).table.containers()
  }

  async inspect(containerId: string): Promise<Container | null> {
    return (await this.#open()).table.container(containerId)
  }

  /** Processes have no images. */
  async presentImages(): Promise<readonly string[]> {
    return []
  }

  async create(order: ContainerOrder, _onProgress: unknown, signal: AbortSignal): Promise<string> {
    const { machine, table } = await this.#open()
    signal.throwIfAborted()
    const without = askedInVain(order, await this.describe())
    if (without.length > 0) machine.log.warn('a process runs without what it asks for', { task: order.taskId, without })
    return table.create(order)
  }

  async start(containerId: string): Promise<void> {
    const { machine, table } = await this.#open()
    const found = await table.require(containerId)
    await found.start(() => prepareLaunch(machine, found))
  }

  async stop(containerId: string, options: { signal: string | null; graceMs: number }): Promise<void> {
    const { table } = await this.#open()
    await table.stop(containerId, options.signal, options.graceMs)
  }

  async remove(containerId: string): Promise<void> {
    await (await this.#open()).table.remove(containerId)
  }

  watch(onHint: (containerId: string | null) => void): () => void {
    this.#hints.add(onHint)
    // Only an opened table notices anything; what cannot be opened is said by the next call.
    this.#open().catch(() => undefined)
    return () => this.#hints.delete(onHint)
  }

  async *logs(containerId: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
    const { machine, table } = await this.#open()
    const found = await table.require(containerId)
    const source = {
      logs: found.logs,
      directory: found.directory.logs,
      clock: machine.clock,
      isRunning: () => found.isRunning(),
      onChange: (call: () => void) => found.onChange(call),
    }
    yield* queryLogs(source, query, signal)
  }

  async exec(containerId: string, request: ExecRequest): Promise<ExecSession> {
    const { machine, table } = await this.#open()
    return execInProcess(machine, await table.require(containerId), request)
  }

  async stats(containerId: string): Promise<ContainerStats> {
    const { machine, table } = await this.#open()
    return processStats(await table.require(containerId), machine.clock.now())
  }

  async close(): Promise<void> {
    this.#hints.clear()
    const opened = await this.#opened?.catch(() => null)
    opened?.table.close()
  }

  #open(): Promise<{ machine: Machine; table: ProcessTable }> {
    const attempt = this.#opened ?? this.#openNow()
    this.#opened = attempt
    // A failure is not kept: the next call tries again.
    attempt.catch(() => {
      if (this.#opened === attempt) this.#opened = null
    })
    return attempt
  }

  async #openNow(): Promise<{ machine: Machine; table: ProcessTable }> {
    try {
      const machine = await openMachine(this.#options)
      const table = new ProcessTable(machine, (id) => {
        for (const hint of [...this.#hints]) hint(id)
      })
      await table.open()
      return { machine, table }
    } catch (error) {
      if (error instanceof OperationalError) throw error
      const message = `cannot open the processes of ${this.#options.dataDir}`
      throw new OperationalError('UNAVAILABLE', message, { cause: error })
    }
  }
}

/** Checks all that can be known before, so that a refusal says why, and makes what the program expects. */
async function prepareLaunch(machine: Machine, { order, directory, cgroup }: SupervisedProcess): Promise<Launch> {
  const program = programOf(order, directory, machine.volumesDir)
  const user = order.spec.user === null ? null : await lookUpUser(order.spec.user)
  const before = launchWords(machine.tools, order.spec.ulimits, user)
  await prepareDirectories(program, directory.cwd, user)
  await findProgram(program.argv[0] ?? '', program.env['PATH'] ?? '', program.workingDir)
  await requireFreePorts(order.hostPorts)
  cgroup?.create()
  return { shim: machine.shim, before, argv: program.argv, env: program.env, workingDir: program.workingDir }
}
