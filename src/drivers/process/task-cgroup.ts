import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import { errorCode } from '../durable-text.ts'
import type { CgroupLimits, LimitFile } from './cgroup-limits.ts'
import { type CgroupTree, inheritCpuset, missingLimits } from './cgroup-tree.ts'

/** The control group of one task: nothing that the task starts can leave it. */
export class TaskCgroup {
  readonly #tree: CgroupTree
  readonly #files: readonly LimitFile[]
  /** Controller → its directory, for those that are needed to limit, count and find it. */
  readonly #paths: ReadonlyMap<string, string>

  constructor(tree: CgroupTree, name: string, limits: CgroupLimits) {
    this.#tree = tree
    // What this machine cannot limit is named in the runtime's description, and so in every plan.
    const missing = missingLimits(tree)
    this.#files = tree.limitFiles(limits).filter(({ limit }) => !missing.has(limit))
    const needed = new Set([...tree.counters, ...this.#files.map(({ controller }) => controller)])
    const used = [...tree.directories].filter(([controller]) => needed.has(controller))
    this.#paths = new Map(used.map(([controller, parent]) => [controller, join(parent, name)]))
  }

  /** Makes it anew, with fresh counters. Throws RUNTIME_REFUSED when the kernel does not take a limit. */
  create(): void {
    this.remove()
    for (const [controller, directory] of this.#paths) {
      mkdirSync(directory, { recursive: true })
      if (this.#tree.version === 1 && controller === 'cpuset') inheritCpuset(dirname(directory), directory)
    }
    for (const { limit, controller, file, value } of this.#files) {
      try {
        writeFileSync(join(this.#paths.get(controller) ?? '', file), value)
      } catch (error) {
        this.remove()
        const message = `cannot limit ${limit} to ${value}: the kernel says ${errorCode(error)}`
        throw new OperationalError('RUNTIME_REFUSED', message, { cause: error })
      }
    }
  }

  /** Files into which a process writes its pid to join. */
  get joinFiles(): string[] {
    return this.#directories().map((directory) => join(directory, 'cgroup.procs'))
  }

  /** Processes in it now; null when there is no such group. */
  members(): number[] | null {
    const [directory] = this.#directories()
    const text = directory === undefined ? null : readFile(join(directory, 'cgroup.procs'))
    return text === null ? null : text.split('\n').filter(Boolean).map(Number)
  }

  /** How many of its processes the kernel killed because the memory was used up. */
  outOfMemoryKills(): number {
    const text = this.#read('memory', this.#tree.version === 2 ? 'memory.events' : 'memory.oom_control')
    return Number(/^oom_kill (\d+)$/m.exec(text ?? '')?.[1] ?? 0)
  }

  /** Processor time used since it was made; null when it is not counted. */
  cpuMs(): number | null {
    if (this.#tree.version === 1) {
      const nanoseconds = this.#read('cpuacct', 'cpuacct.usage')
      return nanoseconds === null ? null : Number(nanoseconds) / 1e6
    }
    const microseconds = /^usage_usec (\d+)$/m.exec(this.#read('cgroup', 'cpu.stat') ?? '')?.[1]
    return microseconds === undefined ? null : Number(microseconds) / 1e3
  }

  /** Memory in use, without file contents that the kernel can drop; null when it is not counted. */
  memoryBytes(): number | null {
    const used = this.#read('memory', this.#tree.version === 2 ? 'memory.current' : 'memory.usage_in_bytes')
    if (used === null) return null
    const key = this.#tree.version === 2 ? 'inactive_file' : 'total_inactive_file'
    const droppable = new RegExp(`^${key} (\\d+)$`, 'm').exec(this.#read('memory', 'memory.stat') ?? '')?.[1]
    return Math.max(0, Number(used) - Number(droppable ?? 0))
  }

  /** Whether it is gone now: it cannot be removed while a process of it is ending. */
  remove(): boolean {
    return this.#directories().every((directory) => {
      try {
        rmdirSync(directory)
        return true
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return true
        if (errorCode(error) === 'EBUSY') return false
        throw error
      }
    })
  }

  #directories(): string[] {
    return [...new Set(this.#paths.values())]
  }

  #read(controller: string, file: string): string | null {
    const directory = this.#paths.get(controller)
    return directory === undefined ? null : readFile(join(directory, file))
  }
}

function readFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // ENODEV: the group was removed between opening and reading.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENODEV') return null
    throw error
  }
}
