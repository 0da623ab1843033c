import { readFile } from 'node:fs/promises'
import { OperationalError } from '../../core/errors.ts'
import type { Container, ContainerStats } from '../../ports/runtime.ts'
import { readSample, type StatsFiles, sample, statsFiles } from './cgroup-stats.ts'
import { chunksOf } from './chunks.ts'
import type { EngineConnection } from './connection.ts'
import { garbled } from './errors.ts'
import { jsonLines } from './json-lines.ts'

/** One line of an engine's figures, as far as it is read. */
interface StatsJson {
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } }
  readonly memory_stats?: { readonly usage?: number; readonly stats?: Readonly<Record<string, number>> }
}

/**
 * Figures of running containers: from the kernel where the engine is on this machine, which takes no call to the engine
 * after the first; else from the engine, which takes it a second each.
 */
export class Stats {
  readonly #connection: EngineConnection
  readonly #files = new Map<string, StatsFiles>()

  constructor(connection: EngineConnection) {
    this.#connection = connection
  }

  /** `look` tells the container's state when it has to be known. Throws RUNTIME_REFUSED when it does not run. */
  async read(id: string, look: () => Promise<Container | null>): Promise<ContainerStats> {
    const known = this.#files.get(id)
    const first = known === undefined ? null : await this.#sampleOf(id, known)
    if (first !== null) return first
    const container = await look()
    if (container === null) throw new OperationalError('NOT_FOUND', `there is no container ${id}`)
    if (container.pid === null) {
      throw new OperationalError('RUNTIME_REFUSED', `cannot measure container ${container.taskId}: it does not run`)
    }
    const files = statsFiles(await readFile(`/proc/${container.pid}/cgroup`, 'utf8').catch(() => ''), id)
    const second = files === null ? null : await this.#sampleOf(id, files)
    if (files !== null && second !== null) {
      this.#files.set(id, files)
      return second
    }
    return this.#ask(container)
  }

  forget(id: string): void {
    this.#files.delete(id)
  }

  async #sampleOf(id: string, files: StatsFiles): Promise<ContainerStats | null> {
    try {
      return { ...(await readSample(files)), at: Date.now() }
    } catch (error) {
      // The container has ended, or its groups are not where they usually are.
      if ((error as { code?: string }).code === undefined) throw error
      this.#files.delete(id)
      return null
    }
  }

  async #ask({ id, taskId }: Container): Promise<ContainerStats> {
    const doing = `measure container ${taskId}`
    const leave = new AbortController()
    const response = await this.#connection.stream({
      method: 'GET',
      path: `/containers/${id}/stats`,
      query: { stream: 1 },
      doing,
    })
    for await (const line of jsonLines(chunksOf(response, this.#connection, doing, leave.signal), doing)) {
      const { cpu_stats: cpu, memory_stats: memory } = line as StatsJson
      const inactive = memory?.stats?.['total_inactive_file'] ?? memory?.stats?.['inactive_file'] ?? 0
      return {
        ...sample((cpu?.cpu_usage?.total_usage ?? 0) / 1e6, memory?.usage ?? 0, inactive),
        at: Date.now(),
      }
    }
    throw garbled(doing, 'has no figures')
  }
}
