import type { Millis, TaskId } from '../core/model/ids.ts'
import { runtimeOf } from '../core/model/service.ts'
import type { Task } from '../core/model/task.ts'
import { type HealthState, newHealth, repairedHealth, stepHealth } from '../core/node/health.ts'
import { portTarget } from '../core/node/probe-target.ts'
import type { Clock } from '../ports/clock.ts'
import type { Host, ProbeResult } from '../ports/host.ts'
import type { Container } from '../ports/runtime.ts'
import type { Containers } from './containers.ts'
import { runCommand } from './run-command.ts'

interface Probed {
  /** The check as text: a spec may come again as another object with the same content. */
  readonly check: string
  health: HealthState
  cancel: (() => void) | null
}

/** Asks running tasks how they are, each at its own pace, and keeps what the answers mean. */
export class Probes {
  readonly #deps: {
    readonly clock: Clock
    readonly host: Host
    readonly containers: Containers
    readonly onChange: () => void
  }
  readonly #probed = new Map<TaskId, Probed>()
  #stopped = false

  constructor(deps: { clock: Clock; host: Host; containers: Containers; onChange: () => void }) {
    this.#deps = deps
  }

  /** What the probes of the task's present run have shown; null: it has no check, or does not run. */
  healthOf(task: TaskId): HealthState | null {
    return this.#probed.get(task)?.health ?? null
  }

  /** Probes exactly these tasks from now on. A run that began anew is judged anew. */
  follow(running: readonly { readonly task: Task; readonly container: Container }[]): void {
    const wanted = new Set<TaskId>()
    for (const { task, container } of running) {
      if (task.spec.health === null || this.#stopped) continue
      wanted.add(task.id)
      const startedAt = container.startedAt ?? 0
      const present = this.#probed.get(task.id)
      const check = JSON.stringify(task.spec.health)
      if (present?.health.startedAt === startedAt && present.check === check) continue
      present?.cancel?.()
      const probed: Probed = { check, health: newHealth(startedAt, this.#deps.clock.now()), cancel: null }
      this.#probed.set(task.id, probed)
      this.#schedule(task, container, probed)
    }
    for (const [id, probed] of this.#probed) {
      if (wanted.has(id)) continue
      probed.cancel?.()
      this.#probed.delete(id)
    }
  }

  /** Gives a task that was just repaired a new chance. */
  begin(task: TaskId): void {
    const probed = this.#probed.get(task)
    if (probed) probed.health = repairedHealth(probed.health, this.#deps.clock.now())
  }

  stop(): void {
    this.#stopped = true
    this.follow([])
  }

  #schedule(task: Task, container: Container, probed: Probed): void {
    probed.cancel = this.#deps.clock.callAt(probed.health.nextAt, () => void this.#probe(task, container, probed))
  }

  async #probe(task: Task, container: Container, probed: Probed): Promise<void> {
    const check = task.spec.health
    if (check === null) return
    const timeoutMs: Millis = check.timeoutMs === 0 ? check.intervalMs : check.timeoutMs
    const result = await this.#ask(task, container, timeoutMs)
    if (this.#stopped || this.#probed.get(task.id) !== probed) return
    const before = probed.health
    probed.health = stepHealth(before, check, result, this.#deps.clock.now())
    if (before.verdict !== probed.health.verdict || before.message !== probed.health.message) this.#deps.onChange()
    if (this.#probed.get(task.id) === probed) this.#schedule(task, container, probed)
  }

  async #ask(task: Task, container: Container, timeoutMs: Millis): Promise<ProbeResult> {
    const check = task.spec.health
    if (check === null) return { ok: true, message: '' }
    if (check.kind === 'command') {
      const runtime = this.#deps.containers.runtime(runtimeOf(task.spec))
      if (runtime === null) return { ok: false, message: 'its runtime is not there' }
      return runCommand(runtime, container.id, check.argv, timeoutMs, this.#deps.clock)
    }
    const target = portTarget(task, container.address, check.port)
    if (target === null) return { ok: false, message: 'it has no address yet' }
    if (check.kind === 'tcp') return this.#deps.host.probe({ kind: 'tcp', ...target }, timeoutMs)
    return this.#deps.host.probe({ kind: 'http', path: check.path, ...target }, timeoutMs)
  }
}
