import { setTimeout as pause } from 'node:timers/promises'
import { OperationalError } from '../../src/core/errors.ts'
import { chunksOf } from '../../src/drivers/docker/chunks.ts'
import type { EngineConnection } from '../../src/drivers/docker/connection.ts'
import { jsonLines } from '../../src/drivers/docker/json-lines.ts'
import type { Host } from './host.ts'
import type { ContainerEvent } from './runs.ts'

const DOING = 'follow events'
const AGAIN_MS = 50
const ACTIONS = ['start', 'die'] as const

interface EventJson {
  readonly Action?: string
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> }
  readonly timeNano?: number
}

/** Starts and ends of all containers, as the engines themselves tell and time them. Comes back to an engine that was away. */
export class EngineEvents {
  readonly events: ContainerEvent[] = []
  readonly #leave = new AbortController()
  readonly #ended: Promise<unknown>

  private constructor(hosts: readonly Host[], connected: (host: Host) => void) {
    this.#ended = Promise.all(hosts.map((host) => this.#follow(host, () => connected(host))))
  }

  /** Resolves when every engine tells: what happens from here on is not missed while they live. */
  static async follow(hosts: readonly Host[]): Promise<EngineEvents> {
    const missing = new Set(hosts)
    let events: EngineEvents | null = null
    await new Promise<void>((resolve) => {
      events = new EngineEvents(hosts, (host) => {
        missing.delete(host)
        if (missing.size === 0) resolve()
      })
    })
    if (events === null) throw new Error('nobody follows')
    return events
  }

  /** A machine has lost its power: its engine cannot tell that everything there has ended. */
  powerLost({ name }: Host, at: number): void {
    this.events.push({ kind: 'power-lost', host: name, id: '', labels: {}, at })
  }

  async stop(): Promise<readonly ContainerEvent[]> {
    this.#leave.abort()
    await this.#ended
    return this.events
  }

  async #follow(host: Host, onConnected: () => void): Promise<void> {
    const { signal } = this.#leave
    const connection = host.engine.connect()
    let since: number | null = null
    while (!signal.aborted) {
      try {
        for await (const event of eventsOf(connection, since, signal, onConnected)) {
          since = (event.timeNano ?? 0) / 1e6
          this.#take(host.name, event, since)
        }
      } catch (error) {
        if (!signal.aborted && !(error instanceof OperationalError)) throw error
      }
      await pause(AGAIN_MS)
    }
    connection.close()
  }

  #take(host: string, { Action, Actor }: EventJson, at: number): void {
    const kind = ACTIONS.find((action) => action === Action)
    const id = Actor?.ID
    if (kind === undefined || id === undefined) return
    // Where it goes on after a break an engine may tell its last word again.
    const isKnown = this.events.some((one) => one.id === id && one.kind === kind && Math.abs(one.at - at) < 0.01)
    if (!isKnown) this.events.push({ kind, host, id, labels: Actor?.Attributes ?? {}, at })
  }
}

async function* eventsOf(
  connection: EngineConnection,
  since: number | null,
  signal: AbortSignal,
  onConnected: () => void,
): AsyncGenerator<EventJson> {
  const query = {
    filters: JSON.stringify({ type: ['container'], event: ACTIONS }),
    ...(since === null ? {} : { since: (since / 1e3).toFixed(6) }),
  }
  const response = await connection.stream({ method: 'GET', path: '/events', query, doing: DOING, signal })
  onConnected()
  for await (const line of jsonLines(chunksOf(response, connection, DOING, signal), DOING)) yield line as EventJson
}
