import { join } from 'node:path'
import { readState } from '../agent/cache.ts'
import { durableText } from '../drivers/durable-text.ts'

/** The highest incarnation of a cluster that this machine's agent has obeyed; 0: none. */
export async function obeyedIncarnation(dataDir: string, clusterId: string): Promise<number> {
  const agent = await readState(durableText(join(dataDir, 'agent.json')))
  return agent?.authority?.clusterId === clusterId ? agent.authority.incarnation : 0
}
