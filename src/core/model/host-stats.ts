/** What a node measures of itself. */
export interface HostStats {
  readonly memoryTotalBytes: number
  readonly memoryAvailableBytes: number
  readonly diskTotalBytes: number
  readonly diskFreeBytes: number
  /** CPU time of all cores since boot, in milliseconds. */
  readonly cpuBusyMs: number
  readonly cpuTotalMs: number
  readonly load1: number
  readonly load5: number
  readonly load15: number
}
