import type { EngineContainer } from './engine-containers.ts'
import type { Host } from './host.ts'
import type { LabProcess } from './lab-process.ts'

/** A container of Gantry as its engine has it, with where it is. */
export interface Placed extends EngineContainer {
  readonly host: string
  readonly service: string
  readonly task: string
}

/** Every running container of Gantry on these hosts, as the engines say. */
export async function runningContainers(hosts: readonly Host[]): Promise<Placed[]> {
  const found = await Promise.all(
    hosts.map(async (host) =>
      (await host.containers()).map((one) => ({
        ...one,
        host: host.name,
        service: one.labels['gantry.service'] ?? '',
        task: one.labels['gantry.task'] ?? '',
      })),
    ),
  )
  return found.flat().filter(({ state, task }) => state === 'running' && task !== '')
}

/** Containers of before that are not there as they were: gone, or started anew. */
export function changed(before: readonly Placed[], after: readonly Placed[]): Placed[] {
  return before.filter((one) => !after.some(({ id, startedAt }) => id === one.id && startedAt === one.startedAt))
}

/** What a server wrote into its log about leading. */
export interface Reign {
  readonly epoch: number
  readonly from: number
  /** null: it has not said that it is over. */
  readonly until: number | null
}

interface LogLine {
  readonly time?: string
  readonly message?: string
  readonly epoch?: number
}

/** When a server believed that it led, as its own log says. */
export function reignsOf({ output }: LabProcess): Reign[] {
  return reignsIn(output)
}

/** The same, of a log. */
export function reignsIn(log: string): Reign[] {
  const reigns: Reign[] = []
  for (const { time = '', message, epoch } of log.split('\n').flatMap(parsed)) {
    if (epoch === undefined) continue
    if (message === 'leading') reigns.push({ epoch, from: Date.parse(time), until: null })
    const at = reigns.findIndex((reign) => reign.epoch === epoch)
    const reign = reigns[at]
    if (message === 'no longer leading' && reign !== undefined) reigns[at] = { ...reign, until: Date.parse(time) }
  }
  return reigns
}

function parsed(line: string): LogLine[] {
  if (!line.startsWith('{') || !line.endsWith('}')) return []
  try {
    return [JSON.parse(line) as LogLine]
  } catch (error) {
    // A line for people.
    if (error instanceof SyntaxError) return []
    throw error
  }
}
