import type { Millis, ServiceName, TaskId } from '../core/model/ids.ts'
import type { Dispatch, ManifestRevision } from '../core/model/manifest.ts'
import type { Node } from '../core/model/node.ts'
import { CLUSTER_KEY, DESIRED_KEY, type Key, keyOf } from '../core/model/objects.ts'
import type { ServiceSpec } from '../core/model/service.ts'
import { isTerminal, type Task } from '../core/model/task.ts'
import { isServing } from '../core/service/plan-service.ts'
import type { Clock } from '../ports/clock.ts'
import type { ChangeBatch } from '../ports/store.ts'
import type { Mirror } from '../store/mirror.ts'

/** A service as it is wanted now, and the object that says so. */
export interface Wanted {
  readonly spec: ServiceSpec
  readonly source: Key
  readonly dispatch: Dispatch | null
}

/** Questions that the control loops ask of the mirror. Every answer is of the mirror's present revision. */
export class World {
  readonly mirror: Mirror
  readonly #dispatchOf = new Map<ServiceName, string>()
  readonly #pending = new Set<TaskId>()
  readonly #clock: Pick<Clock, 'now'>
  /** When ended tasks were first seen as such, by this server's clock. */
  readonly #endSeenAt = new Map<TaskId, Millis>()
  readonly #began: Millis
  /** When revisions and answers were first seen, by this server's clock. */
  readonly #seenSince = new Map<Key, Millis>()
  /** In the order of their ids; null: some have changed since. */
  #nodes: readonly Node[] | null = null

  constructor(mirror: Mirror, clock: Pick<Clock, 'now'>) {
    this.mirror = mirror
    this.#clock = clock
    this.#began = clock.now()
    for (const { value } of mirror.list('dispatch')) this.#dispatchOf.set(value.spec.name, value.id)
    for (const { value } of mirror.list('task')) this.#noteTask(value)
    mirror.onChange((batch) => this.#follow(batch))
  }

  get desired(): number {
    return this.mirror.get(DESIRED_KEY)?.value.revision ?? 0
  }

  /** Whether the state comes from a backup: there may be what it does not know. */
  get isPutBack(): boolean {
    return this.mirror.get(CLUSTER_KEY)?.value.attemptFloor !== undefined
  }

  manifest(number: number): ManifestRevision | null {
    return this.mirror.get(keyOf('manifest', number))?.value ?? null
  }

  /** The specs of a manifest revision by service name. */
  specs(number: number): Record<ServiceName, ServiceSpec> {
    const specs: Record<ServiceName, ServiceSpec> = {}
    for (const { value } of this.mirror.specsOf(number)) specs[value.name] = value
    return specs
  }

  wanted(name: ServiceName): Wanted | null {
    const key = keyOf('spec', `${this.desired}/${name}`)
    const declared = this.mirror.get(key)
    if (declared !== null) return { spec: declared.value, source: DESIRED_KEY, dispatch: null }
    const dispatch = this.dispatchOf(name)
    if (dispatch === null || dispatch.desired === 'stopped') return null
    return { spec: dispatch.spec, source: keyOf('dispatch', dispatch.id), dispatch }
  }

  dispatchOf(name: ServiceName): Dispatch | null {
    const id = this.#dispatchOf.get(name)
    return id === undefined ? null : (this.mirror.get(keyOf('dispatch', id))?.value ?? null)
  }

  /** Whether a user asked that this service go. */
  removalAsked(name: ServiceName): boolean {
    if (this.dispatchOf(name)?.desired === 'stopped') return true
    return this.manifest(this.desired)?.removes.includes(name) ?? false
  }

  tasksOf(name: ServiceName): Task[] {
    return this.mirror.tasksOf(name).map(({ value }) => value)
  }

  /** When this server saw that the task had ended, by its own clock; what had ended before it began, when it began. */
  endSeenAt(id: TaskId): Millis {
    return this.#endSeenAt.get(id) ?? this.#clock.now()
  }

  /** Since when this server knows of a manifest revision or an answer, by its own clock; what was there before, since it began. */
  seenSince(key: Key<'manifest' | 'idempotency'>): Millis {
    return this.#seenSince.get(key) ?? this.#began
  }

  tasks(): Task[] {
    return this.mirror.list('task').map(({ value }) => value)
  }

  /** Tasks that wait for a node. */
  pending(): Task[] {
    const tasks: Task[] = []
    for (const id of this.#pending) {
      const task = this.mirror.get(keyOf('task', id))?.value
      if (task !== undefined) tasks.push(task)
    }
    return tasks
  }

  /** In the order of their ids; the same list for as long as none of them changes. */
  nodes(): readonly Node[] {
    this.#nodes ??= this.mirror
      .list('node')
      .map(({ value }) => value)
      .sort((a, b) => a.id - b.id)
    return this.#nodes
  }

  /** Every service that is wanted or still has tasks. */
  serviceNames(): Set<ServiceName> {
    const names = new Set<ServiceName>(Object.keys(this.specs(this.desired)))
    for (const { value } of this.mirror.list('dispatch')) names.add(value.spec.name)
    for (const { value } of this.mirror.list('task')) names.add(value.service)
    return names
  }

  /** Services that wait for this one before they start. */
  dependants(name: ServiceName): ServiceName[] {
    const names: ServiceName[] = []
    for (const { value } of this.mirror.specsOf(this.desired)) {
      if (value.dependencies.some(({ service }) => service === name)) names.push(value.name)
    }
    return names
  }

  /** Why tasks of this spec may not start yet; null: they may. */
  hold(spec: ServiceSpec): string | null {
    for (const { service } of spec.dependencies) {
      const wanted = this.wanted(service)
      if (wanted === null || !isServing(wanted.spec, this.tasksOf(service), this.nodes()))
        return `waits for ${service} to be healthy`
    }
    if (!spec.exclusive) return null
    const { keepsUnknown, settling } = this.mirror.get(CLUSTER_KEY)?.value ?? {}
    if (keepsUnknown === true) return 'what runs may not be known yet: `gantry cluster settle`'
    return settling === undefined ? null : `node ${settling[0]} has not said that it runs nothing unknown any more`
  }

  #follow(batch: ChangeBatch): void {
    for (const { key, value } of batch.changes) {
      if (key.startsWith('task/')) {
        if (value === null) this.#forgetTask(key.slice('task/'.length))
        else this.#noteTask(value as Task)
      } else if (key.startsWith('dispatch/') && value !== null) {
        const dispatch = value as Dispatch
        this.#dispatchOf.set(dispatch.spec.name, dispatch.id)
      } else if (key.startsWith('node/')) {
        this.#nodes = null
      } else if (key.startsWith('manifest/') || key.startsWith('idempotency/')) {
        if (value === null) this.#seenSince.delete(key)
        else if (!this.#seenSince.has(key)) this.#seenSince.set(key, this.#clock.now())
      }
    }
  }

  #forgetTask(id: TaskId): void {
    this.#pending.delete(id)
    this.#endSeenAt.delete(id)
  }

  #noteTask(task: Task): void {
    if (isTerminal(task.status.state) && !this.#endSeenAt.has(task.id)) this.#endSeenAt.set(task.id, this.#clock.now())
    if (task.status.state === 'pending' && task.desired !== 'stopped') this.#pending.add(task.id)
    else this.#pending.delete(task.id)
  }
}
