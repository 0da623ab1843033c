import type { NodeId, ServiceName } from '../core/model/ids.ts'
import type { Key } from '../core/model/objects.ts'
import type { StoreRecord } from '../ports/store.ts'
import { OrderedMap } from './ordered-map.ts'

type TaskRecord = StoreRecord<'task'>

/** Tasks by service and by node, so that a pass for one of them costs as much as it has tasks. */
export class TaskIndex {
  readonly #known = new Map<Key<'task'>, TaskRecord>()
  readonly #byService = new Map<ServiceName, OrderedMap<TaskRecord>>()
  readonly #byNode = new Map<NodeId, OrderedMap<TaskRecord>>()

  set(record: TaskRecord): void {
    const { service, node } = record.value
    const old = this.#known.get(record.key)
    if (old !== undefined && (old.value.node !== node || old.value.service !== service)) this.delete(record.key)
    this.#known.set(record.key, record)
    put(this.#byService, service, record)
    if (node !== null) put(this.#byNode, node, record)
  }

  delete(key: Key<'task'>): void {
    const old = this.#known.get(key)
    if (old === undefined) return
    this.#known.delete(key)
    remove(this.#byService, old.value.service, key)
    if (old.value.node !== null) remove(this.#byNode, old.value.node, key)
  }

  ofService(service: ServiceName): readonly TaskRecord[] {
    return this.#byService.get(service)?.list() ?? []
  }

  onNode(node: NodeId): readonly TaskRecord[] {
    return this.#byNode.get(node)?.list() ?? []
  }
}

function put<G>(groups: Map<G, OrderedMap<TaskRecord>>, group: G, record: TaskRecord): void {
  const records = groups.get(group) ?? new OrderedMap<TaskRecord>()
  groups.set(group, records)
  records.set(record)
}

function remove<G>(groups: Map<G, OrderedMap<TaskRecord>>, group: G, key: Key<'task'>): void {
  const records = groups.get(group)
  records?.delete(key)
  if (records?.size === 0) groups.delete(group)
}
