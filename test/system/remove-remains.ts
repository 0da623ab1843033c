import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { groupName } from '../../src/drivers/process/machine.ts'
import { groupsIn, processesIn, processHierarchy, removeGroup } from '../lab/cgroups.ts'
import { sendSignal } from '../lab/lab-process.ts'

/** Ends what a Gantry that is gone has left running, and removes the control groups of that with the data directory. */
export async function removeRemains(dataDir: string): Promise<void> {
  const further = join(dataDir, 'nodes')
  const names = existsSync(further) ? readdirSync(further) : []
  for (const directory of [dataDir, ...names.map((name) => join(further, name))]) {
    const group = groupOf(directory)
    if (group === null) continue
    const tree = join(processHierarchy(), group)
    for (const pid of groupsIn(tree).flatMap((task) => processesIn(join(tree, task)))) sendSignal(pid, 'SIGKILL')
    await removeGroup(group)
  }
  rmSync(dataDir, { recursive: true, force: true })
}

/** null: no agent has worked there yet. */
function groupOf(directory: string): string | null {
  const cache = join(directory, 'agent.json')
  if (!existsSync(cache)) return null
  const { authority } = JSON.parse(readFileSync(cache, 'utf8')) as { authority: { clusterId: string } | null }
  return authority === null ? null : groupName(authority.clusterId, directory)
}
