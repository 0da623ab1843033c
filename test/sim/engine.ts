import { OperationalError } from '../../src/core/errors.ts'
import type { Millis } from '../../src/core/model/ids.ts'
import type { RuntimeKind } from '../../src/core/model/service.ts'
import type { Rng } from '../../src/lib/rng.ts'
import type { ContainerOrder } from '../../src/ports/runtime.ts'
import type { VirtualClock } from './clock.ts'
import { type EndCause, SimContainer } from './container.ts'
import type { Fact, Observe } from './facts.ts'

/** What the engines of one machine share. */
export interface Machine {
  readonly name: string
  /** Every container on the machine, of all engines and clusters. */
  readonly containers: Map<string, SimContainer>
  readonly clock: VirtualClock
  readonly rng: Rng
  readonly observe: Observe
  /** What its clock shows beyond the true time. */
  readonly skewMs: Millis
}

/**
 * An engine, or a machine as far as it runs processes: the containers as they really are. It outlives every agent.
 * Its methods happen at once and know no faults except that it is down; latency and lost answers are the runtime's.
 */
export class SimEngine {
  readonly kind: RuntimeKind
  readonly machine: Machine
  readonly #presentImages = new Set<string>()
  readonly #watchers = new Set<{ readonly cluster: string; readonly hint: (id: string | null) => void }>()
  /** Answers that are cut off when the engine goes down. */
  readonly #waiting = new Set<(error: Error) => void>()
  #upAt: Millis = 0
  #made = 0
  /** Every call takes so many times longer. */
  slowness = 1

  constructor(kind: RuntimeKind, machine: Machine) {
    this.kind = kind
    this.machine = machine
  }

  get isUp(): boolean {
    return this.machine.clock.now() >= this.#upAt
  }

  requireUp(): void {
    if (!this.isUp) throw new OperationalError('UNAVAILABLE', `cannot reach ${this.kind}: nobody answers`)
  }

  hasImage(image: string): boolean {
    return this.#presentImages.has(image) || image.startsWith('present/')
  }

  /** Time that a pull takes; 0 when there is nothing to pull. */
  pullMs(image: string | null): Millis {
    return image === null || this.hasImage(image) ? 0 : 50 + this.machine.rng.below(1_500)
  }

  requireImage(image: string | null): void {
    if (image === null) return
    if (image.startsWith('missing/')) throw new OperationalError('IMAGE_UNAVAILABLE', `there is no image ${image}`)
    this.#presentImages.add(image)
  }

  all(cluster: string): SimContainer[] {
    return [...this.machine.containers.values()].filter((one) => one.kind === this.kind && one.cluster === cluster)
  }

  find(id: string, cluster: string): SimContainer | null {
    const container = this.machine.containers.get(id)
    return container?.kind === this.kind && container.cluster === cluster ? container : null
  }

  ofTask(taskId: string, cluster: string): SimContainer | null {
    return this.all(cluster).find((one) => one.order.taskId === taskId) ?? null
  }

  create(order: ContainerOrder, cluster: string): SimContainer {
    if (order.spec.image?.startsWith('refused/'))
      throw new OperationalError('RUNTIME_REFUSED', `cannot create ${order.taskId}: the engine does not want it`)
    this.#made += 1
    const id = `${this.kind}-${this.machine.name}-${this.#made}`
    const container = new SimContainer(id, this.kind, cluster, order)
    this.machine.containers.set(id, container)
    this.#tell('created', container)
    return container
  }

  start(container: SimContainer): void {
    if (container.state === 'running') return
    const { clock, rng } = this.machine
    this.#requirePorts(container)
    container.state = 'running'
    container.runs += 1
    container.pid = 1_000 + rng.below(30_000)
    container.address = this.kind === 'docker' && container.order.spec.networkMode === 'bridge' ? this.#address() : null
    container.startedAt = Math.max(clock.now(), (container.finishedAt ?? 0) + 1)
    container.finishedAt = null
    container.exitCode = null
    container.message = ''
    container.repaired = false
    this.#print(container)
    const { endsAfterMs, endingRuns, exitCode } = container.program
    if (endsAfterMs !== null && (endingRuns === null || container.runs <= endingRuns))
      container.cancelEnd = clock.after(endsAfterMs, () => this.end(container, exitCode, 'program'))
    this.#tell('started', container)
  }

  /** Ends the present run, if there is one. */
  end(container: SimContainer, exitCode: number | null, cause: EndCause): void {
    if (container.state !== 'running') return
    container.cancelEnd()
    container.state = 'exited'
    container.exitCode = exitCode
    container.pid = null
    container.address = null
    container.finishedAt = Math.max(this.machine.clock.now(), container.startedAt ?? 0)
    for (const call of container.onEnd.splice(0)) call()
    for (const call of [...container.onNews]) call()
    this.#hint(container)
    this.machine.observe({ kind: 'ended', node: this.machine.name, container, cause })
  }

  /** Sends the signal, kills after the grace; resolves when it has ended. */
  stop(container: SimContainer, signal: string, graceMs: Millis): Promise<void> {
    if (container.state !== 'running') return Promise.resolve()
    const { clock } = this.machine
    const { signals, stopsAfterMs } = container.program
    const run = container.runs
    const endLater = (ms: Millis, code: number): void => {
      clock.after(ms, () => {
        if (container.runs === run) this.end(container, code, 'stop')
      })
    }
    endLater(graceMs, 137)
    if (signal === 'SIGKILL') endLater(0, 137)
    else if (signals[signal] !== undefined) endLater(5, signals[signal])
    else if (signal === 'SIGTERM' && stopsAfterMs !== null) endLater(stopsAfterMs, 0)
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject)
      container.onEnd.push(() => {
        this.#waiting.delete(reject)
        resolve()
      })
    })
  }

  remove(container: SimContainer, cause: 'remove' | 'fault'): void {
    this.end(container, 137, cause)
    this.machine.containers.delete(container.id)
    for (const call of [...container.onNews]) call()
    this.#tell('removed', container)
  }

  watch(cluster: string, hint: (id: string | null) => void): () => void {
    const watcher = { cluster, hint }
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** The engine is gone for a while. Whether its containers go on or end depends on how it is set up. */
  goDown(ms: Millis, containersSurvive: boolean): void {
    this.#upAt = this.machine.clock.now() + ms
    for (const reject of [...this.#waiting]) reject(new OperationalError('UNAVAILABLE', `${this.kind} went away`))
    this.#waiting.clear()
    if (!containersSurvive) this.endAll(137)
    this.machine.clock.after(ms, () => {
      for (const { hint } of this.#watchers) hint(null)
    })
  }

  endAll(exitCode: number | null): void {
    for (const container of this.machine.containers.values()) {
      if (container.kind === this.kind) this.end(container, exitCode, 'fault')
    }
  }

  #requirePorts(container: SimContainer): void {
    const wanted = new Set(container.order.hostPorts.map(({ host, protocol }) => `${host}/${protocol}`))
    if (wanted.size === 0) return
    for (const holder of this.machine.containers.values()) {
      const clash = holder.order.hostPorts.find(({ host, protocol }) => wanted.has(`${host}/${protocol}`))
      if (holder.state !== 'running' || clash === undefined) continue
      this.machine.observe({ kind: 'port-clash', node: this.machine.name, container, holder })
      container.message = `port ${clash.host} is taken`
      throw new OperationalError('PORT_IN_USE', `cannot start ${container.order.taskId}: ${container.message}`)
    }
  }

  #address(): string {
    const taken = new Set([...this.machine.containers.values()].map(({ address }) => address))
    for (let host = 2; ; host++) if (!taken.has(`172.17.0.${host}`)) return `172.17.0.${host}`
  }

  #print(container: SimContainer): void {
    for (const { stream, text } of container.program.prints) {
      const printed = text.startsWith('$') ? (container.order.spec.env[text.slice(1)] ?? '') : text
      for (let from = 0; from === 0 || from < printed.length; from += 65_536) {
        container.lines.push({ stream, at: this.machine.clock.now(), text: printed.slice(from, from + 65_536) })
      }
    }
    for (const call of [...container.onNews]) call()
  }

  #tell(kind: 'created' | 'started' | 'removed', container: SimContainer): void {
    this.#hint(container)
    const fact: Fact = { kind, node: this.machine.name, container }
    this.machine.observe(fact)
  }

  #hint(container: SimContainer): void {
    if (!this.isUp) return
    for (const { cluster, hint } of this.#watchers) if (cluster === container.cluster) hint(container.id)
  }
}
