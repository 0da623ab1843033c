import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { gantryGroup, groupsIn, processesIn, processHierarchy, removeGroup } from '../lab/cgroups.ts'
import { sendSignal } from '../lab/lab-process.ts'

/** Ends what a Gantry that is gone has left running, and removes the control groups of that with the data directory. */
export async function removeRemains(dataDir: string): Promise<void> {
  const further = join(dataDir, 'nodes')
  const names = existsSync(further) ? readdirSync(further) : []
  for (const directory of [dataDir, ...names.map((name) => join(further, name))]) {
    const group = gantryGroup(directory)
    if (group === null) continue
    const tree = join(processHierarchy(), group)
    for (const pid of groupsIn(tree).flatMap((task) => processesIn(join(tree, task)))) sendSignal(pid, 'SIGKILL')
    await removeGroup(group)
  }
  rmSync(dataDir, { recursive: true, force: true })
}
