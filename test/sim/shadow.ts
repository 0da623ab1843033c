import type { Leadership } from '../../src/core/model/cluster.ts'
import type { Desired, ManifestRevision } from '../../src/core/model/manifest.ts'
import type { Node } from '../../src/core/model/node.ts'
import { DESIRED_KEY, type Key, LEADERSHIP_KEY, type ObjectTypes } from '../../src/core/model/objects.ts'
import type { ServiceSpec } from '../../src/core/model/service.ts'
import { isTerminal, type Task } from '../../src/core/model/task.ts'
import { matchesPlacement } from '../../src/core/service/slots.ts'
import type { ChangeBatch } from '../../src/ports/store.ts'

type Value = ObjectTypes[keyof ObjectTypes]

/** One object that a commit wrote: as it was and as it is. null: absent. */
export interface Written {
  readonly key: Key
  readonly before: Value | null
  readonly after: Value | null
}

/** What the checks know of the store: fed by every commit as it lands, read by nobody else. */
export class Shadow {
  /** By kind, and then by key: the many events are in nobody's way. */
  readonly #kinds = new Map<string, Map<Key, Value>>()
  readonly tasks = new Map<string, Task>()
  readonly nodes = new Map<number, Node>()

  /** Takes a commit in and tells what it changed. */
  take(batch: ChangeBatch): Written[] {
    return batch.changes.map(({ key, value }) => {
      const objects = this.#kind(key)
      const before = objects.get(key) ?? null
      if (value === null) objects.delete(key)
      else objects.set(key, value)
      if (key.startsWith('task/')) {
        if (value === null) this.tasks.delete(key.slice(5))
        else this.tasks.set(key.slice(5), value as Task)
      }
      if (key.startsWith('node/')) {
        if (value === null) this.nodes.delete(Number(key.slice(5)))
        else this.nodes.set((value as Node).id, value as Node)
      }
      return { key, before, after: value }
    })
  }

  clear(): void {
    this.#kinds.clear()
    this.tasks.clear()
    this.nodes.clear()
  }

  get epoch(): number {
    return (this.#kind(LEADERSHIP_KEY).get(LEADERSHIP_KEY) as Leadership | undefined)?.epoch ?? 0
  }

  get desired(): number {
    return (this.#kind(DESIRED_KEY).get(DESIRED_KEY) as Desired | undefined)?.revision ?? 0
  }

  manifest(number: number): ManifestRevision | null {
    return (this.#kind(`manifest/${number}`).get(`manifest/${number}`) as ManifestRevision | undefined) ?? null
  }

  manifests(): ManifestRevision[] {
    return this.#of<ManifestRevision>('manifest/')
  }

  /** The services of a manifest revision, as far as they are there. */
  specs(number: number): Map<string, ServiceSpec> {
    return new Map(this.#of<ServiceSpec>(`spec/${number}/`).map((spec) => [spec.name, spec]))
  }

  /** Every service that is wanted now: of the manifest, and tasks started by hand. */
  wanted(): Map<string, ServiceSpec> {
    const wanted = this.specs(this.desired)
    for (const { desired, spec } of this.#of<ObjectTypes['dispatch']>('dispatch/'))
      if (desired === 'running') wanted.set(spec.name, spec)
    return wanted
  }

  alive(): Task[] {
    return [...this.tasks.values()].filter((task) => !isTerminal(task.status.state))
  }

  of(service: string): Task[] {
    return [...this.tasks.values()].filter((task) => task.service === service)
  }

  nodeNamed(name: string): Node | null {
    for (const node of this.nodes.values()) if (node.name === `${name}:7946`) return node
    return null
  }

  /** The slots that a spec asks for. */
  slots(spec: ServiceSpec): number[] {
    if (spec.mode !== 'global') return Array.from({ length: spec.replicas }, (_, i) => i + 1)
    return [...this.nodes.values()]
      .filter((node) => node.availability !== 'drain' && matchesPlacement(spec, node))
      .map(({ id }) => id)
  }

  /** Whether a task is on a node that is to be emptied. */
  mustLeave({ node }: Task): boolean {
    return this.nodes.get(node ?? 0)?.availability === 'drain'
  }

  #of<T>(prefix: string): T[] {
    const found: T[] = []
    for (const [key, value] of this.#kind(prefix)) if (key.startsWith(prefix)) found.push(value as T)
    return found
  }

  /** Objects of the kind with which a key begins. */
  #kind(key: string): Map<Key, Value> {
    const name = key.slice(0, key.indexOf('/'))
    let objects = this.#kinds.get(name)
    if (objects === undefined) {
      objects = new Map()
      this.#kinds.set(name, objects)
    }
    return objects
  }
}
