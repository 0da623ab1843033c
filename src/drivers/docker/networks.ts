import type { EngineConnection } from './connection.ts'
import { CLUSTER_LABEL } from './labels.ts'

/** The named networks of an engine. They are shared by what names them, made when missing, and never removed. */
export class Networks {
  readonly #connection: EngineConnection
  readonly #clusterId: string
  readonly #present = new Map<string, Promise<void>>()

  constructor(connection: EngineConnection, clusterId: string) {
    this.#connection = connection
    this.#clusterId = clusterId
  }

  /** Makes sure that the network is there. Asks the engine once per network. */
  async ensure(name: string): Promise<void> {
    const ensured = this.#present.get(name) ?? this.#ensure(name)
    this.#present.set(name, ensured)
    try {
      await ensured
    } catch (error) {
      this.#present.delete(name)
      throw error
    }
  }

  /** Looks again next time: a start has failed, perhaps because somebody removed a network. */
  forget(): void {
    this.#present.clear()
  }

  async #ensure(name: string): Promise<void> {
    const doing = `make network ${name}`
    const { status } = await this.#connection.call({
      method: 'GET',
      path: `/networks/${encodeURIComponent(name)}`,
      doing,
      accept: [404],
    })
    if (status !== 404) return
    await this.#connection.call({
      method: 'POST',
      path: '/networks/create',
      // Another agent may make it at the same moment; without the check there would be two of the name.
      body: { Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: { [CLUSTER_LABEL]: this.#clusterId } },
      doing,
      accept: [409],
    })
  }
}
