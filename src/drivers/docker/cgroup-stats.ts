import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const ROOT = '/sys/fs/cgroup'

/** Where the kernel counts what a container uses. */
export type StatsFiles =
  | { readonly version: 1; readonly cpu: string; readonly memory: string }
  | { readonly version: 2; readonly directory: string }

export interface CgroupSample {
  readonly cpuMs: number
  /** Without the page cache that the kernel would give up at once. */
  readonly memoryBytes: number
}

/**
 * Finds the files of a container by one of its processes, as `/proc/<pid>/cgroup` tells. null when the process is none of
 * the container's, as with an engine on another machine, or when the kernel counts elsewhere.
 */
export function statsFiles(procCgroup: string, containerId: string): StatsFiles | null {
  const paths = new Map<string, string>()
  for (const line of procCgroup.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (path === undefined || !path.includes(containerId)) continue
    for (const controller of (controllers ?? '').split(',')) paths.set(controller, path)
  }
  const [cpu, memory, unified] = [paths.get('cpuacct'), paths.get('memory'), paths.get('')]
  if (cpu !== undefined && memory !== undefined) {
    return { version: 1, cpu: join(ROOT, 'cpuacct', cpu), memory: join(ROOT, 'memory', memory) }
  }
  return unified === undefined ? null : { version: 2, directory: join(ROOT, unified) }
}

/** Reads the counters. Rejects when the files are gone, as after the container's end. */
export async function readSample(files: StatsFiles): Promise<CgroupSample> {
  if (files.version === 1) {
    const [cpu, memory, stat] = await Promise.all([
      readFile(join(files.cpu, 'cpuacct.usage'), 'utf8'),
      readFile(join(files.memory, 'memory.usage_in_bytes'), 'utf8'),
      readFile(join(files.memory, 'memory.stat'), 'utf8'),
    ])
    return sample(Number(cpu) / 1e6, Number(memory), keyed(stat, 'total_inactive_file'))
  }
  const [cpu, memory, stat] = await Promise.all([
    readFile(join(files.directory, 'cpu.stat'), 'utf8'),
    readFile(join(files.directory, 'memory.current'), 'utf8'),
    readFile(join(files.directory, 'memory.stat'), 'utf8'),
  ])
  return sample(keyed(cpu, 'usage_usec') / 1e3, Number(memory), keyed(stat, 'inactive_file'))
}

/** The part of the counted bytes that is really used, and whole milliseconds. */
export function sample(cpuMs: number, memoryBytes: number, inactiveFileBytes: number): CgroupSample {
  return { cpuMs: Math.floor(cpuMs), memoryBytes: Math.max(memoryBytes - inactiveFileBytes, 0) }
}

/** The number after a word at the start of a line; 0 when it is not there. */
function keyed(text: string, key: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${key} `))
  return line === undefined ? 0 : Number(line.slice(key.length + 1))
}
