import type { EngineConnection } from '../../src/drivers/docker/connection.ts'

/** One container, as its engine has it. */
export interface EngineContainer {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** As the engine says it: created, running, paused, restarting, removing, exited, dead. */
  readonly state: string
  /** As its machine numbers it; 0 when it does not run. */
  readonly pid: number
  /** The engine's RFC 3339 text; of the year 1 when it never ran. */
  readonly startedAt: string
}

interface Inspected {
  readonly Id: string
  readonly Name: string
  readonly State: { readonly Status: string; readonly Pid: number; readonly StartedAt: string }
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null }
}

/** Every container of an engine, whoever made it. */
export async function engineContainers(connection: EngineConnection): Promise<EngineContainer[]> {
  const doing = 'look at the containers'
  const { body } = await connection.call({ method: 'GET', path: '/containers/json', query: { all: 1 }, doing })
  const inspected = await Promise.all(
    (body as readonly { readonly Id: string }[]).map(async ({ Id }) => {
      const path = `/containers/${Id}/json`
      const { status, body: one } = await connection.call({ method: 'GET', path, accept: [404], doing })
      return status === 404 ? null : (one as Inspected)
    }),
  )
  return inspected
    .filter((one) => one !== null)
    .map(({ Id, Name, State, Config }) => ({
      id: Id,
      name: Name.replace(/^\//, ''),
      labels: Config.Labels ?? {},
      state: State.Status,
      pid: State.Pid,
      startedAt: State.StartedAt,
    }))
}
