import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { groupName } from '../../src/drivers/process/machine.ts'

const ROOT = '/sys/fs/cgroup'
const REMOVAL_MS = 60_000

/** Where the kernel lists the processes of groups: the one hierarchy of version 2, or one of version 1. */
export function processHierarchy(): string {
  const [first = ROOT] = hierarchies().filter((path) => path === ROOT || /\/(?:pids|memory)$/.test(path))
  return first
}

/** Processes of a group, without those of groups below it. None when there is no such group. */
export function processesIn(group: string): number[] {
  try {
    const text = readFileSync(join(group, 'cgroup.procs'), 'utf8')
    return text.split('\n').filter(Boolean).map(Number)
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/** Names of the groups directly below one. */
export function groupsIn(group: string): string[] {
  try {
    return readdirSync(group, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/** Removes a group of every hierarchy with all below it. Its processes must have been killed; it waits for their end. */
export async function removeGroup(name: string): Promise<void> {
  const deadline = Date.now() + REMOVAL_MS
  for (const hierarchy of hierarchies()) {
    const group = join(hierarchy, name)
    while (existsSync(group) && !isRemoved(group)) {
      if (Date.now() > deadline) throw new Error(`${group} still has processes: ${processesIn(group).join(', ')}`)
      await pause(20)
    }
  }
}

/** The group of the tasks that a Gantry runs as processes, by its data directory; null: no agent has worked there yet. */
export function gantryGroup(dataDir: string): string | null {
  const cache = join(dataDir, 'agent.json')
  if (!existsSync(cache)) return null
  const { authority } = JSON.parse(readFileSync(cache, 'utf8')) as { authority: { clusterId: string } | null }
  return authority === null ? null : groupName(authority.clusterId, dataDir)
}

function isRemoved(group: string): boolean {
  try {
    for (const name of groupsIn(group)) if (!isRemoved(join(group, name))) return false
    rmdirSync(group)
    return true
  } catch (error) {
    if (isGone(error)) return true
    if ((error as { code?: string }).code === 'EBUSY') return false
    throw error
  }
}

function hierarchies(): string[] {
  if (existsSync(join(ROOT, 'cgroup.controllers'))) return [ROOT]
  return readdirSync(ROOT).map((name) => join(ROOT, name))
}

/** ENODEV: the group went between opening and reading. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes((error as { code?: string }).code ?? '')
}
