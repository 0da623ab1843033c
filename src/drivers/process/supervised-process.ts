import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, type FSWatcher } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Container, ContainerOrder } from '../../ports/runtime.ts'
import { errorCode } from '../durable-text.ts'
import { watchOrNull } from './log-query.ts'
import { LogStream } from './log-stream.ts'
import { KILL, killMembers, membersOf, sendSignal } from './members.ts'
import { commandLine, isAlive } from './proc.ts'
import { refusalOf } from './refusal.ts'
import {
  type Closure,
  type Run,
  readClosure,
  readExit,
  readRefusal,
  readRun,
  readShim,
  writeClosure,
} from './run-record.ts'
import type { TaskCgroup } from './task-cgroup.ts'
import type { TaskDirectory } from './task-directory.ts'

/** Begins the names of directories that are being removed. */
export const TRASH_PREFIX = '.removed-'

// A shim takes some ten milliseconds; a machine that swaps may take much longer.
const START_LIMIT_MS: Millis = 30_000
// Only for what nobody announces: the shim was killed, or the kernel has no watch left.
const LOOK_MS: Millis = 20

/** How to run the program, worked out before each start. */
export interface Launch {
  readonly shim: string
  /** The words that come before the program: a session of its own, limits, the user. */
  readonly before: readonly string[]
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly workingDir: string
}

export interface SupervisedProcessDeps {
  readonly clock: Clock
  readonly log: Log
  readonly bootId: string
  /** null where there are no control groups. */
  readonly cgroup: TaskCgroup | null
  readonly onChange: (id: string) => void
}

/**
 * The process of one task, over all its runs. All that it knows is in the task's directory and in /proc, so that one
 * made after a restart of Gantry goes on where the last one ended.
 */
export class SupervisedProcess {
  readonly directory: TaskDirectory
  readonly order: ContainerOrder
  readonly logs: readonly LogStream[]
  readonly #deps: SupervisedProcessDeps
  #run: Run | null = null
  #closure: Closure | null = null
  #message = ''
  #removed = false
  #shim: ChildProcess | null = null
  #watcher: FSWatcher | null = null
  #last: Promise<unknown> = Promise.resolve()
  readonly #companions = new Set<ChildProcess>()
  readonly #changeCalls = new Set<() => void>()

  constructor(directory: TaskDirectory, order: ContainerOrder, deps: SupervisedProcessDeps) {
    this.directory = directory
    this.order = order
    this.#deps = deps
    this.logs = (['stdout', 'stderr'] as const).map((stream) => new LogStream(directory.logs, stream))
  }

  /** Takes over what an earlier Gantry left. */
  async adopt(): Promise<void> {
    const begun = await readShim(this.directory.state)
    if (begun !== null && begun.bootId === this.#deps.bootId) {
      // Gantry died while it was starting this run: it is waited for, or there might soon be two.
      await this.#started(begun.run, () => !isAlive(begun.shim))
    }
    this.#run = await readRun(this.directory.state)
    if (this.#run !== null) this.#closure = await readClosure(this.directory.state, this.#run.number)
    if (this.#closure !== null) this.cgroup?.remove()
    if (this.isRunning()) this.#watch()
  }

  get cgroup(): TaskCgroup | null {
    return this.#deps.cgroup
  }

  get program(): Run['program'] | null {
    return this.#run?.program ?? null
  }

  /** Whether the program runs, or its shim has yet to write down how it ended. */
  isRunning(): boolean {
    const run = this.#run
    if (run === null || this.#closure !== null || run.bootId !== this.#deps.bootId) return false
    return isAlive(run.program) || (isAlive(run.shim) && !existsSync(join(this.directory.state, 'exit')))
  }

  /** Whether it has been started and its end has not been found out. */
  get #isOpen(): boolean {
    return this.#run !== null && this.#closure === null
  }

  /** Calls when it may have started or ended. Returns a function that ends it. */
  onChange(call: () => void): () => void {
    this.#changeCalls.add(call)
    return () => this.#changeCalls.delete(call)
  }

  /** Takes note of a program that leads a process group and is not to outlive this one. */
  accompany(companion: ChildProcess): void {
    this.#companions.add(companion)
    companion.on('exit', () => this.#companions.delete(companion))
  }

  /** Looks whether it ended unnoticed. The end of a shim that is our child does not go unnoticed. */
  lookForEnd(): void {
    if (this.#isOpen && this.#shim === null && !this.isRunning()) this.#announce()
  }

  /** Whether one of its logs had grown when it was looked at last. */
  get isWriting(): boolean {
    return this.#isOpen && this.logs.some((log) => log.isGrowing)
  }

  /** Notes how far its logs have grown, those that are silent only `atAll`, and rotates those that are too large. */
  async tendLogs(largestLogBytes: number, atAll: boolean): Promise<void> {
    if (!this.#isOpen) return
    const large = this.logs.filter((log) => (atAll || log.isGrowing) && log.mark() > largestLogBytes)
    for (const log of large) await log.rotate(largestLogBytes)
  }

  async container(): Promise<Container> {
    if (this.#isOpen && !this.isRunning()) await this.#inTurn(() => this.#close())
    const { taskId, specHash } = this.order
    const run = this.#run
    const closure = this.#closure
    const state = run === null ? 'created' : closure === null ? 'running' : 'exited'
    return {
      id: this.directory.id,
      taskId,
      specHash,
      state,
      exitCode: closure?.exitCode ?? null,
      outOfMemory: closure?.outOfMemory ?? false,
      message: state === 'running' ? '' : this.#message || (closure?.message ?? ''),
      pid: state === 'running' ? (run?.program.pid ?? null) : null,
      address: null,
      startedAt: run?.startedAt ?? null,
      finishedAt: closure?.finishedAt ?? null,
    }
  }

  /** Begins the next run unless one runs. `prepare` is asked when nothing of the last one is left. */
  start(prepare: () => Promise<Launch>): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#removed) throw new OperationalError('NOT_FOUND', `there is no process ${this.directory.id}`)
      if (this.isRunning()) return
      await this.#close()
      try {
        const launch = await prepare()
        await this.#launch(launch, (this.#run?.number ?? 0) + 1)
        this.#message = ''
      } catch (error) {
        const refusal = refusalOf(error, `cannot start ${this.order.taskId}`)
        this.#message = refusal.message
        throw refusal
      }
    })
  }

  /** Signals the program and those it leads, waits, and kills all that is left. */
  async stop(signal: number, graceMs: Millis): Promise<void> {
    const run = this.#run
    if (run !== null && this.isRunning()) {
      const deadline = this.#deps.clock.now() + graceMs
      // Before it has a group of its own, the program is alone.
      if (isAlive(run.program) && !sendSignal(-run.program.pid, signal)) sendSignal(run.program.pid, signal)
      await this.#ended(run, deadline)
      await this.#kill(run)
    }
    await this.#inTurn(() => this.#close())
  }

  /** Kills it and deletes all that there is of it except the service's own directory. */
  async remove(): Promise<void> {
    if (this.#run !== null && this.isRunning()) await this.#kill(this.#run)
    await this.#inTurn(async () => {
      this.#removed = true
      await this.#close()
      this.detach()
      if (this.#deps.cgroup !== null) await this.#removeCgroup(this.#deps.cgroup)
      await removeDirectory(this.directory.path)
    })
  }

  /** Stops observing; the program runs on. */
  detach(): void {
    this.#watcher?.close()
    this.#watcher = null
    this.#shim?.removeAllListeners()
    this.#shim = null
  }

  async #launch(launch: Launch, number: number): Promise<void> {
    const { state, logs } = this.directory
    // From now on this file means the end of the new run.
    await rm(join(state, 'exit'), { force: true })
    const words = [
      state,
      logs,
      String(number),
      ...(this.cgroup?.joinFiles ?? []),
      '--',
      ...launch.before,
      ...launch.argv,
    ]
    const { workingDir: cwd, env } = launch
    this.#watch()
    const shim = spawn('/bin/sh', [launch.shim, 'supervise', ...words], { cwd, env, detached: true, stdio: 'ignore' })
    let failure: string | null = null
    shim.on('error', (error) => {
      failure = error.message
      this.#announce()
    })
    shim.on('exit', () => {
      failure ??= ''
      this.#shim = null
      this.#announce()
    })
    shim.unref()
    this.#shim = shim
    const run = await this.#started(number, () => failure !== null)
    if (run === null) {
      this.detach()
      const reason = failure || (await readRefusal(state)) || 'its shim did not start it'
      throw new OperationalError('RUNTIME_REFUSED', `cannot start ${this.order.taskId}: ${reason}`)
    }
    await this.#executed(run, launch)
    this.#closure = null
    this.#run = run
    this.#deps.onChange(this.directory.id)
  }

  /** The run of that number as soon as it is recorded; null when it will not be. */
  async #started(number: number, isOver: () => boolean): Promise<Run | null> {
    const deadline = this.#deps.clock.now() + START_LIMIT_MS
    for (;;) {
      // Asked first: a run recorded just before its end is then seen.
      const over = isOver() || this.#deps.clock.now() >= deadline
      const run = await readRun(this.directory.state)
      if (run?.number === number) return run
      if (over) return null
      await this.#changed(Math.min(LOOK_MS, deadline - this.#deps.clock.now()))
    }
  }

  /** Waits until the recorded process has become the program: before, a signal would not reach what it is meant for. */
  async #executed({ program }: Run, { shim, before, argv }: Launch): Promise<void> {
    const chain = [...before, ...argv]
    const deadline = this.#deps.clock.now() + START_LIMIT_MS
    while (isAlive(program) && this.#deps.clock.now() < deadline) {
      const words = commandLine(program.pid)
      const isBefore = words.length > argv.length && chain.slice(-words.length).every((word, i) => word === words[i])
      if (words[1] !== shim && !isBefore) return
      await sleep(this.#deps.clock, 1)
    }
  }

  /** Waits for a change of the recorded state, but no longer than this. */
  async #changed(ms: Millis): Promise<void> {
    const aborter = new AbortController()
    const forget = this.onChange(() => aborter.abort())
    await sleep(this.#deps.clock, ms, aborter.signal).catch(() => undefined)
    forget()
  }

  /** Finds out how the last run ended, after whatever it left behind is gone. */
  async #close(): Promise<void> {
    const run = this.#run
    if (run === null || this.#closure !== null || this.isRunning()) return
    // Another object may have started it meanwhile: nothing of that run is ours to clear away.
    if ((await readRun(this.directory.state))?.number !== run.number) return this.adopt()
    const closure = await this.#closureOf(run)
    await writeClosure(this.directory.state, closure)
    this.#closure = closure
    // Nothing runs in it, and the next run makes one anew: whoever deletes the data directory is to leave no groups behind.
    this.cgroup?.remove()
    this.detach()
    for (const log of this.logs) log.mark()
  }

  async #closureOf(run: Run): Promise<Closure> {
    const exit = await readExit(this.directory.state, run.number)
    const sameBoot = run.bootId === this.#deps.bootId
    for (const { pid } of this.#companions) if (pid !== undefined) sendSignal(-pid, KILL)
    if (sameBoot && !(await killMembers(this.#deps.clock, () => membersOf(this.cgroup, run.program)))) {
      this.#deps.log.warn('processes of a task that ended do not die', { task: this.order.taskId })
    }
    const outOfMemory = sameBoot && exit?.exitCode !== 0 && (this.cgroup?.outOfMemoryKills() ?? 0) > 0
    if (exit !== null) {
      return { run: run.number, exitCode: exit.exitCode, outOfMemory, message: '', finishedAt: exit.at }
    }
    const message = sameBoot ? 'its end was not seen: its shim was killed' : 'the machine was restarted'
    return { run: run.number, exitCode: null, outOfMemory, message, finishedAt: this.#deps.clock.now() }
  }

  async #kill(run: Run): Promise<void> {
    const members = (): number[] => {
      const all = membersOf(this.cgroup, run.program)
      return isAlive(run.program) && !all.includes(run.program.pid) ? [...all, run.program.pid] : all
    }
    const dead = await killMembers(this.#deps.clock, members)
    if (!dead) throw new OperationalError('TIMEOUT', `processes of ${this.order.taskId} were killed but do not die`)
    await this.#ended(run, this.#deps.clock.now() + START_LIMIT_MS)
  }

  /** Resolves when that run has ended and its end is written down, or at the deadline. */
  async #ended(run: Run, deadline: Millis): Promise<void> {
    const { clock } = this.#deps
    while (this.#run === run && this.isRunning() && clock.now() < deadline) {
      await this.#changed(Math.min(LOOK_MS, deadline - clock.now()))
    }
  }

  async #removeCgroup(cgroup: TaskCgroup): Promise<void> {
    const { clock, log } = this.#deps
    const deadline = clock.now() + START_LIMIT_MS
    while (!cgroup.remove()) {
      if (clock.now() >= deadline) {
        log.warn('the control group of a removed task stays', { task: this.order.taskId })
        return
      }
      await sleep(clock, 2)
    }
  }

  #watch(): void {
    this.#watcher?.close()
    this.#watcher = watchOrNull(this.directory.state, (name) => {
      if (name === 'started' || name === 'exit') this.#announce()
    })
  }

  #announce(): void {
    for (const call of [...this.#changeCalls]) call()
    this.#deps.onChange(this.directory.id)
  }

  /** One change of state at a time. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change)
    // The next change must not fail because this one did.
    this.#last = result.catch(() => undefined)
    return result
  }
}

/** Begins with a change of name, so that half a directory is never taken for a task. */
export async function removeDirectory(path: string): Promise<void> {
  await removeTrash(path)
  try {
    await rename(path, trashOf(path))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
  await removeTrash(path)
}

/** Removes what is left of a directory whose removal had begun. */
export async function removeTrash(path: string): Promise<void> {
  await rm(trashOf(path), { recursive: true, force: true })
}

function trashOf(path: string): string {
  return join(dirname(path), `${TRASH_PREFIX}${basename(path)}`)
}
