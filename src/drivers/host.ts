import { readFile, statfs } from 'node:fs/promises'
import { availableParallelism, cpus, hostname, loadavg, totalmem } from 'node:os'
import { dirname } from 'node:path'
import type { HostStats } from '../core/model/host-stats.ts'
import type { Resources } from '../core/model/service.ts'
import type { Host } from '../ports/host.ts'
import { dockerCli } from './docker-cli.ts'
import { errorCode } from './durable-text.ts'
import { probe } from './probe.ts'

// The kernel counts in hundredths of a second towards programs, on every platform.
const TICK_MS = 10

/** The machine this process runs on, as far as its control group lets it use it. Disk is that of the data directory. */
export function systemHost({
  dataDir,
  dockerHost = null,
  share = 1,
}: {
  readonly dataDir: string
  /** The engine that commands of Docker go to; left out: none. */
  readonly dockerHost?: string | null
  /** As many agents share the machine: each has that part of it. */
  readonly share?: number
}): Host {
  return {
    hostname: hostname(),
    capacity: () => capacity(dataDir, share),
    stats: () => stats(dataDir),
    probe,
    docker: dockerCli(dockerHost),
  }
}

async function capacity(dataDir: string, share: number): Promise<Resources> {
  const { totalBytes } = await diskOf(dataDir)
  const part = (whole: number): number => Math.floor(whole / share)
  return {
    cpuMillis: part(availableParallelism() * 1000),
    memoryBytes: part(memoryTotal()),
    diskBytes: part(totalBytes),
  }
}

async function stats(dataDir: string): Promise<HostStats> {
  const [disk, cpu] = await Promise.all([diskOf(dataDir), cpuTime()])
  const [load1 = 0, load5 = 0, load15 = 0] = loadavg()
  return {
    memoryTotalBytes: memoryTotal(),
    memoryAvailableBytes: Math.min(process.availableMemory(), memoryTotal()),
    diskTotalBytes: disk.totalBytes,
    diskFreeBytes: disk.freeBytes,
    cpuBusyMs: cpu.busyMs,
    cpuTotalMs: cpu.totalMs,
    load1,
    load5,
    load15,
  }
}

function memoryTotal(): number {
  const limit = process.constrainedMemory()
  // Without a limit the kernel says 0 or a number larger than any machine.
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/** Of the file system of a path, or of its nearest parent that exists already. */
async function diskOf(path: string): Promise<{ totalBytes: number; freeBytes: number }> {
  try {
    const { blocks, bavail, bsize } = await statfs(path)
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    return diskOf(dirname(path))
  }
}

async function cpuTime(): Promise<{ busyMs: number; totalMs: number }> {
  if (process.platform === 'linux') return parseCpuLine(await readFile('/proc/stat', 'utf8'))
  const times = cpus().map((core) => core.times)
  const totalMs = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0)
  return { busyMs: totalMs - times.reduce((sum, { idle }) => sum + idle, 0), totalMs }
}

/** Reads the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; guests are in user. */
export function parseCpuLine(text: string): { busyMs: number; totalMs: number } {
  const ticks = (text.split('\n', 1)[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number)
  const total = ticks.reduce((sum, tick) => sum + tick, 0)
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0)
  return { busyMs: (total - idle) * TICK_MS, totalMs: total * TICK_MS }
}
