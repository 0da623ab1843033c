import { createHash } from 'node:crypto'
import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { type CgroupTree, openCgroupTree } from './cgroup-tree.ts'
import { findHostTools, type HostTools } from './host-tools.ts'
import { bootId } from './proc.ts'
import { installShim } from './shim.ts'

export interface ProcessRuntimeOptions {
  readonly clusterId: string
  /** Everything is kept below it. */
  readonly dataDir: string
  readonly clock: Clock
  readonly log: Log
  /** Where the kernel shows control groups; elsewhere than there only in tests. */
  readonly cgroupRoot?: string
  /** An output larger than this is rotated; one old file is kept. Default: 10 MiB. */
  readonly largestLogBytes?: number
}

/** What the process runtime found on the machine when it began. */
export interface Machine {
  readonly clusterId: string
  readonly clock: Clock
  readonly log: Log
  readonly largestLogBytes: number
  readonly processesDir: string
  readonly volumesDir: string
  readonly bootId: string
  readonly shim: string
  readonly tools: HostTools
  /** null where there are no control groups that we may write. */
  readonly tree: CgroupTree | null
}

export async function openMachine(options: ProcessRuntimeOptions): Promise<Machine> {
  const { clusterId, dataDir, clock, log } = options
  const { cgroupRoot = '/sys/fs/cgroup', largestLogBytes = 10 * 1024 * 1024 } = options
  const processesDir = join(dataDir, 'processes')
  await mkdir(processesDir, { recursive: true, mode: 0o711 })
  return {
    clusterId,
    clock,
    log,
    largestLogBytes,
    processesDir,
    volumesDir: join(dataDir, 'volumes'),
    bootId: bootId(),
    shim: await installShim(dataDir),
    tools: await findHostTools(),
    tree: openCgroupTree(cgroupRoot, groupName(clusterId, await realpath(dataDir))),
  }
}

/** Name of the control group of all tasks of a node: two clusters, and two nodes of one cluster, may share a machine. */
export function groupName(clusterId: string, dataDir: string): string {
  const cluster = clusterId.replace(/[^A-Za-z0-9]/g, '').slice(0, 8)
  const node = createHash('sha256').update(`${clusterId}\n${dataDir}`).digest('hex').slice(0, 8)
  return `gantry-${cluster}-${node}`
}
