import { setTimeout as pause } from 'node:timers/promises'
import { EngineConnection } from '../src/drivers/docker/connection.ts'
import { createJson } from '../src/drivers/docker/create-json.ts'
import { CLUSTER_LABEL } from '../src/drivers/docker/labels.ts'
import type { ContainerOrder } from '../src/ports/runtime.ts'
import { TestEngine } from '../test/engine/engine.ts'
import { buildImages } from '../test/engine/images.ts'

/** Cluster of the containers that are made without Gantry: a running Gantry does not see them. */
export const RAW_CLUSTER = 'raw'

export interface SeenState {
  readonly id: string
  readonly pid: number
  /** As the engine tells it. */
  readonly startedAt: number
}

/** An engine of the bench's own, and bare calls to it. */
export interface EngineBed {
  readonly host: string
  /** Creates a container as Gantry would, and returns its id. */
  create(order: ContainerOrder, restart?: 'no' | 'always'): Promise<string>
  start(id: string): Promise<void>
  /** The containers of a cluster. */
  seen(cluster: string): Promise<readonly SeenState[]>
  /** Removes the containers that were made without Gantry. */
  removeRaw(): Promise<void>
  /** Resolves when the cluster has no containers left. */
  untilGone(cluster: string): Promise<void>
  stop(): Promise<void>
}

export async function startEngine(): Promise<EngineBed> {
  const engine = await TestEngine.start()
  await buildImages(engine.socket, engine.directory)
  const connection = new EngineConnection({ kind: 'socket', path: engine.socket })
  const doing = 'measure'
  const list = async (cluster: string): Promise<readonly string[]> => {
    const query = { all: 1, filters: JSON.stringify({ label: [`${CLUSTER_LABEL}=${cluster}`] }) }
    const { body } = await connection.call({ method: 'GET', path: '/containers/json', query, doing })
    return (body as { Id: string }[]).map(({ Id }) => Id)
  }
  const see = async (id: string): Promise<SeenState> => {
    const { body } = await connection.call({ method: 'GET', path: `/containers/${id}/json`, doing })
    const { State } = body as { State: { Pid: number; StartedAt: string } }
    return { id, pid: State.Pid, startedAt: Date.parse(State.StartedAt) }
  }
  return {
    host: engine.host,
    create: async (order, restart = 'no') => {
      const json = createJson(order, { clusterId: RAW_CLUSTER, dataDir: engine.directory, unsupported: {} })
      const { HostConfig } = json as { HostConfig: object }
      const body = { ...json, HostConfig: { ...HostConfig, RestartPolicy: { Name: restart } } }
      const query = { name: `${order.taskId}.${RAW_CLUSTER}` }
      const answer = await connection.call({ method: 'POST', path: '/containers/create', query, body, doing })
      return (answer.body as { Id: string }).Id
    },
    start: async (id) => {
      await connection.call({ method: 'POST', path: `/containers/${id}/start`, doing })
    },
    seen: async (cluster) => Promise.all((await list(cluster)).map(see)),
    removeRaw: async () => {
      const remove = (id: string): Promise<unknown> =>
        connection.call({ method: 'DELETE', path: `/containers/${id}`, query: { force: 1 }, doing })
      await Promise.all((await list(RAW_CLUSTER)).map(remove))
    },
    untilGone: async (cluster) => {
      while ((await list(cluster)).length > 0) await pause(50)
    },
    stop: async () => {
      connection.close()
      await engine.stop()
    },
  }
}
