import type { Container } from '../../ports/runtime.ts'
import type { EngineConnection } from './connection.ts'
import { type ContainerJson, toContainer } from './container-json.ts'
import { CLUSTER_LABEL } from './labels.ts'

/** What stays true of a container as long as it is there. */
export interface OwnContainer {
  readonly id: string
  /** For messages. */
  readonly taskId: string
  readonly tty: boolean
  /** null: not known yet, as the image may name one. */
  readonly stopSignal: string | null
}

// Names and shortened ids would also find containers, but others than were meant.
const FULL_ID = /^[0-9a-f]{64}$/
const LOOKS_AT_ONCE = 8

/** The containers of this cluster in an engine. Others do not exist for it: nothing is done to what it does not find. */
export class OwnContainers {
  readonly #connection: EngineConnection
  readonly #clusterId: string
  /** Ids are never used twice, so what was ours once is ours. */
  readonly #known = new Map<string, OwnContainer>()

  constructor(connection: EngineConnection, clusterId: string) {
    this.#connection = connection
    this.#clusterId = clusterId
  }

  /** The container, if it is there and ours. Asks the engine only the first time. */
  async find(id: string): Promise<OwnContainer | null> {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    await this.inspect(id)
    return this.#known.get(id) ?? null
  }

  /** The signal that asks it to end. */
  async stopSignal({ id, stopSignal }: OwnContainer): Promise<string> {
    if (stopSignal !== null) return stopSignal
    await this.inspect(id)
    return this.#known.get(id)?.stopSignal ?? 'SIGTERM'
  }

  async inspect(id: string): Promise<Container | null> {
    return FULL_ID.test(id) ? this.#look(id) : null
  }

  /** The container with this name, if it is ours. */
  async named(name: string): Promise<Container | null> {
    return this.#look(name)
  }

  async list(): Promise<readonly Container[]> {
    const { body } = await this.#connection.call({
      method: 'GET',
      path: '/containers/json',
      doing: 'list containers',
      query: { all: 1, filters: JSON.stringify({ label: [`${CLUSTER_LABEL}=${this.#clusterId}`] }) },
    })
    const ids = (Array.isArray(body) ? body : []).map(({ Id: id }: ContainerJson) => id ?? '')
    for (const id of this.#known.keys()) if (!ids.includes(id)) this.#known.delete(id)
    const found: Container[] = []
    const looker = async (): Promise<void> => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
        const container = await this.inspect(id)
        if (container !== null) found.push(container)
      }
    }
    await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, looker))
    return found
  }

  /** It has been removed. */
  forget(id: string): void {
    this.#known.delete(id)
  }

  /** It has been made by us. */
  remember(container: OwnContainer): void {
    this.#known.set(container.id, container)
  }

  async #look(idOrName: string): Promise<Container | null> {
    const { status, body } = await this.#connection.call({
      method: 'GET',
      path: `/containers/${encodeURIComponent(idOrName)}/json`,
      doing: `inspect container ${idOrName}`,
      accept: [404],
    })
    const json = (body ?? {}) as ContainerJson
    const container = status === 404 ? null : toContainer(json, this.#clusterId)
    if (container === null) {
      this.#known.delete(idOrName)
      return null
    }
    this.remember({
      id: container.id,
      taskId: container.taskId,
      tty: json.Config?.Tty === true,
      stopSignal: json.Config?.StopSignal || 'SIGTERM',
    })
    return container
  }
}
