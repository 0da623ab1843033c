import type { Limits } from '../../core/model/service.ts'
import { cpuQuota } from '../cpu-quota.ts'

/** What a process of ours may be limited in, after percentages were resolved. */
export type CgroupLimits = Pick<
  Limits,
  'cpuMillis' | 'memoryBytes' | 'memorySwapBytes' | 'memorySwappiness' | 'cpuShares' | 'cpusetCpus' | 'blkioWeight'
>

export type LimitName = keyof CgroupLimits

/** One file to write into a control group, in this order. */
export interface LimitFile {
  readonly limit: LimitName
  readonly controller: string
  readonly file: string
  readonly value: string
}

/** Version 1: swap is counted together with memory, so it must not be below the limit that is set before it. */
export function limitFilesV1(limits: CgroupLimits): LimitFile[] {
  const { memoryBytes } = limits
  const cpu = limits.cpuMillis === null ? null : cpuQuota(limits.cpuMillis)
  return present([
    ['memoryBytes', 'memory', 'memory.limit_in_bytes', memoryBytes],
    ['memorySwapBytes', 'memory', 'memory.memsw.limit_in_bytes', limits.memorySwapBytes],
    ['memorySwappiness', 'memory', 'memory.swappiness', limits.memorySwappiness],
    ['cpuMillis', 'cpu', 'cpu.cfs_period_us', cpu === null ? null : cpu.periodUs],
    ['cpuMillis', 'cpu', 'cpu.cfs_quota_us', cpu === null ? null : cpu.quotaUs],
    ['cpuShares', 'cpu', 'cpu.shares', limits.cpuShares],
    ['cpusetCpus', 'cpuset', 'cpuset.cpus', limits.cpusetCpus],
    ['blkioWeight', 'blkio', 'blkio.bfq.weight', limits.blkioWeight],
  ])
}

/** Version 2: swap is counted by itself, weights have other ranges, and swappiness is gone. */
export function limitFilesV2(limits: CgroupLimits): LimitFile[] {
  const { memoryBytes, memorySwapBytes, cpuMillis, cpuShares } = limits
  const cpu = cpuMillis === null ? null : cpuQuota(cpuMillis)
  const swap =
    memorySwapBytes === null || memorySwapBytes === -1 ? memorySwapBytes : memorySwapBytes - (memoryBytes ?? 0)
  return present([
    ['memoryBytes', 'memory', 'memory.max', memoryBytes],
    ['memorySwapBytes', 'memory', 'memory.swap.max', swap === -1 ? 'max' : swap],
    ['cpuMillis', 'cpu', 'cpu.max', cpu === null ? null : `${cpu.quotaUs} ${cpu.periodUs}`],
    ['cpuShares', 'cpu', 'cpu.weight', cpuShares === null ? null : weightOfShares(cpuShares)],
    ['cpusetCpus', 'cpuset', 'cpuset.cpus', limits.cpusetCpus],
    ['blkioWeight', 'io', 'io.bfq.weight', limits.blkioWeight],
  ])
}

/** Shares run from 2 to 262144, weights from 1 to 10000; both ends meet. */
function weightOfShares(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262_144)
  return 1 + Math.floor(((bounded - 2) * 9_999) / 262_142)
}

type Row = readonly [limit: LimitName, controller: string, file: string, value: number | string | null]

function present(rows: readonly Row[]): LimitFile[] {
  return rows.flatMap(([limit, controller, file, value]) =>
    value === null ? [] : [{ limit, controller, file, value: String(value) }],
  )
}

/** Values that use every limit, to ask which files a machine must have. */
export const EVERY_LIMIT: CgroupLimits = {
  cpuMillis: 1_000,
  memoryBytes: 1,
  memorySwapBytes: 1,
  memorySwappiness: 1,
  cpuShares: 1_024,
  cpusetCpus: '0',
  blkioWeight: 100,
}

export const LIMIT_NAMES = Object.keys(EVERY_LIMIT) as readonly LimitName[]
