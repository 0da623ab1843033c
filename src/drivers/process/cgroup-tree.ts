import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../durable-text.ts'
import {
  type CgroupLimits,
  EVERY_LIMIT,
  LIMIT_NAMES,
  type LimitFile,
  type LimitName,
  limitFilesV1,
  limitFilesV2,
} from './cgroup-limits.ts'

/** The part of the machine's control groups that is ours: one directory per controller, with a group per task below. */
export interface CgroupTree {
  readonly version: 1 | 2
  /** Controller → our directory in it. In version 2 they are all the same. */
  readonly directories: ReadonlyMap<string, string>
  /** Those that every task joins, to be counted and found. Few: in version 1 each takes the kernel milliseconds. */
  readonly counters: readonly string[]
  limitFiles(limits: CgroupLimits): readonly LimitFile[]
}

const V1_CONTROLLERS = ['memory', 'cpu', 'cpuacct', 'cpuset', 'blkio', 'pids']
const V2_CONTROLLERS = ['memory', 'cpu', 'cpuset', 'io', 'pids']

/**
 * Opens, or makes, our directories under this name. null when the machine has no control groups that we may write:
 * then nothing is limited, and processes are found by their session.
 *
 * They are made at the root, as engines do, so that no service manager's group is in the way; a user who was given a
 * group of his own (version 2) gets them there.
 */
export function openCgroupTree(root: string, name: string): CgroupTree | null {
  return existsSync(join(root, 'cgroup.controllers')) ? openV2(root, name) : openV1(root, name)
}

/** Limits that this tree cannot enforce, because the kernel or the delegation lacks the file. */
export function missingLimits(tree: CgroupTree): Set<LimitName> {
  const asked = tree.limitFiles(EVERY_LIMIT)
  const missing = new Set(LIMIT_NAMES)
  for (const { limit } of asked) missing.delete(limit)
  for (const { limit, controller, file } of asked) {
    const directory = tree.directories.get(controller)
    if (directory === undefined || !existsSync(join(directory, file))) missing.add(limit)
  }
  return missing
}

function openV1(root: string, name: string): CgroupTree | null {
  const directories = new Map<string, string>()
  for (const controller of V1_CONTROLLERS) {
    if (!existsSync(join(root, controller, 'cgroup.procs'))) continue
    // Two controllers may share a directory under two names.
    const parent = realpathSync(join(root, controller))
    const directory = join(parent, name)
    if (!makeGroup(directory)) return null
    if (controller === 'cpuset') inheritCpuset(parent, directory)
    directories.set(controller, directory)
  }
  if (directories.size === 0) return null
  const wanted = ['memory', 'cpuacct'].filter((controller) => directories.has(controller))
  const counters = wanted.length > 0 ? wanted : [...directories.keys()].slice(0, 1)
  return { version: 1, directories, counters, limitFiles: limitFilesV1 }
}

function openV2(root: string, name: string): CgroupTree | null {
  for (const parent of [root, join(root, ownGroup())]) {
    const directory = join(parent, name)
    for (const controller of V2_CONTROLLERS) enable(parent, controller)
    if (!makeGroup(directory)) continue
    const given = V2_CONTROLLERS.filter((controller) => enable(directory, controller))
    const directories = new Map(['cgroup', ...given].map((controller) => [controller, directory]))
    return { version: 2, directories, counters: ['cgroup', ...given], limitFiles: limitFilesV2 }
  }
  return null
}

/** Whether the directory is there now. */
function makeGroup(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true })
    return true
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error))) return false
    throw error
  }
}

/** Whether groups below this one have the controller. */
function enable(directory: string, controller: string): boolean {
  const path = join(directory, 'cgroup.subtree_control')
  try {
    writeFileSync(path, `+${controller}`)
    return true
  } catch {
    // The kernel names a dozen reasons; what counts is whether somebody has enabled it already.
    return existsSync(path) && readFileSync(path, 'utf8').split(/\s+/).includes(controller)
  }
}

/** A new group of version 1 may use no processor and no memory node until it is told which. */
export function inheritCpuset(parent: string, directory: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readFileSync(join(directory, file), 'utf8').trim() !== '') continue
    writeFileSync(join(directory, file), readFileSync(join(parent, file), 'utf8'))
  }
}

function ownGroup(): string {
  return /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/'
}

/** Names of the groups that tasks have below our directories. */
export function groupNames(tree: CgroupTree): string[] {
  const directory = tree.directories.get(tree.counters[0] ?? '')
  if (directory === undefined || !existsSync(directory)) return []
  const found = readdirSync(directory, { withFileTypes: true })
  return found.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

/** Removes our directories if no task is left in them. */
export function removeCgroupTree(tree: CgroupTree): void {
  for (const directory of new Set(tree.directories.values())) {
    try {
      rmdirSync(directory)
    } catch (error) {
      // Tasks of ours still run in it, or somebody was quicker.
      if (!['EBUSY', 'ENOENT', 'ENOTEMPTY'].includes(errorCode(error))) throw error
    }
  }
}
