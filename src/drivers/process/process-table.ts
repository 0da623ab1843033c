import { readdir } from 'node:fs/promises'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { Container, ContainerOrder } from '../../ports/runtime.ts'
import { EVERY_LIMIT } from './cgroup-limits.ts'
import { groupNames, removeCgroupTree } from './cgroup-tree.ts'
import type { Machine } from './machine.ts'
import { killMembers } from './members.ts'
import { readOrder, writeOrder } from './order-file.ts'
import { programOf } from './program.ts'
import { refusalOf } from './refusal.ts'
import { signalNumber } from './signal.ts'
import { removeDirectory, removeTrash, SupervisedProcess, TRASH_PREFIX } from './supervised-process.ts'
import { TaskCgroup } from './task-cgroup.ts'
import { containerIdOf, taskDirectory, taskIdOf } from './task-directory.ts'

// Bounds how late the time of a line can be, where one follows another.
const TICK_MS: Millis = 250
// A second. Bounds how late the first line after a silence can be, and the end of a program whose shim was killed.
const LOOK_EVERY_TICKS = 4

/** What stands in the directory: a process, or the reason why it cannot be one. */
type Entry = { readonly process: SupervisedProcess } | { readonly damage: string }

/** All processes of this cluster in the data directory. */
export class ProcessTable {
  readonly #machine: Machine
  readonly #onChange: (id: string | null) => void
  readonly #entries = new Map<string, Entry>()
  #last: Promise<unknown> = Promise.resolve()
  #cancelTick: (() => void) | null = null
  #swept = false
  #closed = false
  #ticks = 0

  constructor(machine: Machine, onChange: (id: string | null) => void) {
    this.#machine = machine
    this.#onChange = onChange
  }

  /** Adopts what is there, and begins to observe it. */
  async open(): Promise<void> {
    await this.#refresh()
    this.#tickLater()
  }

  /** Ends the observation; the programs run on. */
  close(): void {
    this.#closed = true
    this.#cancelTick?.()
    for (const entry of this.#entries.values()) if ('process' in entry) entry.process.detach()
    if (this.#machine.tree !== null) removeCgroupTree(this.#machine.tree)
  }

  async containers(): Promise<Container[]> {
    await this.#refresh()
    return Promise.all([...this.#entries].map(([id, entry]) => this.#containerOf(id, entry)))
  }

  async container(id: string): Promise<Container | null> {
    const entry = await this.#entry(id)
    return entry === null ? null : this.#containerOf(id, entry)
  }

  /** Without its order nothing is known of how it wants to be stopped: then it is killed. */
  async stop(id: string, signal: string | null, graceMs: Millis): Promise<void> {
    const entry = await this.#entry(id)
    if (entry === null) return
    if ('damage' in entry) return this.#killDamaged(id)
    const wanted = signal ?? entry.process.order.spec.stopSignal ?? 'SIGTERM'
    await entry.process.stop(signalNumber(wanted), graceMs)
  }

  async require(id: string): Promise<SupervisedProcess> {
    const entry = await this.#entry(id)
    if (entry === null) throw new OperationalError('NOT_FOUND', `there is no process ${id}`)
    if ('damage' in entry) throw new OperationalError('RUNTIME_REFUSED', `cannot use process ${id}: ${entry.damage}`)
    return entry.process
  }

  async create(order: ContainerOrder): Promise<string> {
    const id = containerIdOf(order.taskId, this.#machine.clusterId)
    if (id === null) throw new OperationalError('RUNTIME_REFUSED', `the id of task ${order.taskId} is too long`)
    const directory = taskDirectory(this.#machine.processesDir, id)
    // Refuses, before anything is made, what could never run.
    programOf(order, directory, this.#machine.volumesDir)
    await this.#inTurn(async () => {
      if ((await this.#names()).has(id)) await this.#load(id)
      const entry = this.#entries.get(id)
      if (entry !== undefined && 'process' in entry) return
      if (entry !== undefined) await removeDirectory(directory.path)
      await writeOrder(directory, this.#machine.clusterId, order).catch((error: unknown) => {
        throw refusalOf(error, `cannot create ${order.taskId}`)
      })
      this.#entries.delete(id)
      await this.#load(id)
      this.#onChange(id)
    })
    return id
  }

  async remove(id: string): Promise<void> {
    const entry = await this.#entry(id)
    if (entry === null) return
    if ('process' in entry) {
      await entry.process.remove()
    } else {
      await this.#killDamaged(id)
      this.#groupOf(id)?.remove()
      await removeDirectory(taskDirectory(this.#machine.processesDir, id).path)
    }
    this.#entries.delete(id)
    this.#onChange(id)
  }

  async #killDamaged(id: string): Promise<void> {
    const group = this.#groupOf(id)
    if (await killMembers(this.#machine.clock, () => group?.members() ?? [])) return
    throw new OperationalError('TIMEOUT', `processes of ${id} were killed but do not die`)
  }

  async #entry(id: string): Promise<Entry | null> {
    if (taskIdOf(id, this.#machine.clusterId) === null) return null
    if (!this.#entries.has(id)) await this.#refresh()
    return this.#entries.get(id) ?? null
  }

  /** Brings the table in line with the directories. */
  #refresh(): Promise<void> {
    return this.#inTurn(async () => {
      const names = await this.#names()
      if (!this.#swept) await this.#sweep()
      this.#swept = true
      for (const id of [...this.#entries.keys()]) if (!names.has(id)) this.#forget(id)
      for (const id of names) await this.#load(id)
    })
  }

  /** Removes what an earlier Gantry was removing when it died; nothing of ours is being removed yet. */
  async #sweep(): Promise<void> {
    const { processesDir, clusterId } = this.#machine
    const ours = (await readdir(processesDir))
      .filter((name) => name.startsWith(TRASH_PREFIX))
      .map((name) => name.slice(TRASH_PREFIX.length))
      .filter((id) => taskIdOf(id, clusterId) !== null)
    for (const id of ours) {
      await removeTrash(taskDirectory(processesDir, id).path).catch((error: unknown) => {
        this.#machine.log.warn('the rest of a removed process is left', { process: id, reason: String(error) })
      })
    }
  }

  async #names(): Promise<Set<string>> {
    const { processesDir, clusterId } = this.#machine
    try {
      const found = await readdir(processesDir, { withFileTypes: true })
      const directories = found.filter((file) => file.isDirectory()).map(({ name }) => name)
      const names = [...directories, ...this.#strayGroups(new Set(directories))]
      return new Set(names.filter((name) => !name.startsWith(TRASH_PREFIX) && taskIdOf(name, clusterId) !== null))
    } catch (error) {
      throw new OperationalError('UNAVAILABLE', `cannot list the processes in ${processesDir}`, { cause: error })
    }
  }

  /** Reads one directory unless it is known already. */
  async #load(id: string): Promise<void> {
    if (this.#entries.has(id)) return
    const { processesDir, clusterId, clock, log, bootId, tree } = this.#machine
    const directory = taskDirectory(processesDir, id)
    try {
      const file = await readOrder(directory)
      if (file === null) return this.#damaged(id, 'its order is not there')
      if (file.clusterId !== clusterId) return this.#damaged(id, 'it was made by another cluster')
      const cgroup =
        tree === null
          ? null
          : new TaskCgroup(tree, id, { ...file.order.spec.limits, memoryBytes: file.order.memoryBytes })
      const onChange = (changed: string): void => this.#onChange(changed)
      const process = new SupervisedProcess(directory, file.order, { clock, log, bootId, cgroup, onChange })
      await process.adopt()
      this.#entries.set(id, { process })
    } catch (error) {
      if (!(error instanceof Error)) throw error
      this.#damaged(id, error.message)
    }
  }

  #damaged(id: string, damage: string): void {
    this.#machine.log.warn('the directory of a process is damaged', { process: id, damage })
    this.#entries.set(id, { damage })
  }

  #forget(id: string): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined && 'process' in entry) entry.process.detach()
    this.#entries.delete(id)
  }

  /** Control groups without a directory in which programs still run; empty ones are cleared away. */
  #strayGroups(directories: ReadonlySet<string>): string[] {
    const { tree } = this.#machine
    const names = tree === null ? [] : groupNames(tree)
    return names.filter((name) => {
      const group = directories.has(name) ? null : this.#groupOf(name)
      return group !== null && ((group.members() ?? []).length > 0 || !group.remove())
    })
  }

  /** The control group of a directory that is damaged or gone: programs may still run in it. */
  #groupOf(id: string): TaskCgroup | null {
    const { tree } = this.#machine
    return tree === null ? null : new TaskCgroup(tree, id, EVERY_LIMIT)
  }

  #tickLater(): void {
    if (this.#closed) return
    const { clock, largestLogBytes, log } = this.#machine
    // Where all are silent there is nothing to do between two looks at all of them.
    const ticks = this.#processes().some(({ isWriting }) => isWriting) ? 1 : LOOK_EVERY_TICKS - this.#ticks
    this.#cancelTick = clock.callAt(clock.now() + ticks * TICK_MS, () => {
      this.#ticks = (this.#ticks + ticks) % LOOK_EVERY_TICKS
      const atAll = this.#ticks === 0
      const processes = this.#processes().filter(({ isWriting }) => atAll || isWriting)
      if (atAll) for (const process of processes) process.lookForEnd()
      Promise.all(processes.map((process) => process.tendLogs(largestLogBytes, atAll)))
        // A full disk, or a directory that is being removed: tried again at the next tick.
        .catch((error: unknown) => log.debug('the log of a process could not be kept', { error }))
        .finally(() => this.#tickLater())
    })
  }

  #processes(): SupervisedProcess[] {
    return [...this.#entries.values()].flatMap((entry) => ('process' in entry ? [entry.process] : []))
  }

  /** One change of the table at a time. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change)
    // The next change must not fail because this one did.
    this.#last = result.catch(() => undefined)
    return result
  }

  async #containerOf(id: string, entry: Entry): Promise<Container> {
    if ('process' in entry) return entry.process.container()
    const isRunning = (this.#groupOf(id)?.members() ?? []).length > 0
    return {
      id,
      taskId: taskIdOf(id, this.#machine.clusterId) ?? id,
      specHash: '',
      state: isRunning ? 'running' : 'exited',
      exitCode: null,
      outOfMemory: false,
      message: entry.damage,
      pid: null,
      address: null,
      startedAt: null,
      finishedAt: null,
    }
  }
}
