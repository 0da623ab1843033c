import type { HostStats } from '../model/host-stats.ts'

/** A node's statistics as gokube's clients read them: memory in kB, disk in bytes, CPU in ticks of 10 ms. */
export interface GokubeStats {
  readonly MemStats: { readonly mem_total: number; readonly mem_available: number; readonly mem_free: number }
  readonly DiskStats: { readonly all: number; readonly used: number; readonly free: number }
  readonly CpuStats: { readonly id: string; readonly user: number; readonly idle: number }
  readonly LoadStats: { readonly last1min: number; readonly last5min: number; readonly last15min: number }
  readonly TaskCount: number
}

const TICK_MS = 10

export function gokubeStats(stats: HostStats, taskCount: number): GokubeStats {
  const available = Math.floor(stats.memoryAvailableBytes / 1024)
  return {
    MemStats: { mem_total: Math.floor(stats.memoryTotalBytes / 1024), mem_available: available, mem_free: available },
    DiskStats: {
      all: stats.diskTotalBytes,
      used: stats.diskTotalBytes - stats.diskFreeBytes,
      free: stats.diskFreeBytes,
    },
    CpuStats: {
      id: 'cpu',
      user: Math.round(stats.cpuBusyMs / TICK_MS),
      idle: Math.round((stats.cpuTotalMs - stats.cpuBusyMs) / TICK_MS),
    },
    LoadStats: { last1min: stats.load1, last5min: stats.load5, last15min: stats.load15 },
    TaskCount: taskCount,
  }
}
