import type { Limits, Resources } from '../model/service.ts'
import type { Path } from './path.ts'
import type { Report } from './report.ts'
import type { LimitsForm } from './schema-limits.ts'
import type { ResourcesForm } from './schema-parts.ts'
import { CPUS_FORM, parseCpus, parseSize, SIZE_FORM } from './units.ts'

export const NO_LIMITS: Limits = {
  cpuMillis: null,
  memoryBytes: null,
  memoryPercent: null,
  memorySwapBytes: null,
  kernelMemoryBytes: null,
  memorySwappiness: null,
  cpuShares: null,
  cpusetCpus: null,
  blkioWeight: null,
}

type Snake = 'memory_swap' | 'kernel_memory' | 'memory_swappiness' | 'cpu_shares' | 'cpuset_cpus' | 'blkio_weight'

/** Limits from our spelling or Clusterlite's; null where nothing is said. `path` is that of the mapping. */
export function normalizeLimits(form: LimitsForm, path: Path, report: Report): Limits {
  const pick = <K extends Snake>(name: K): { value: LimitsForm[K]; path: Path } => {
    const kebab = name.replaceAll('_', '-') as keyof LimitsForm
    if (form[name] !== undefined && form[kebab] !== undefined) both(name, kebab, path, report)
    return form[name] === undefined
      ? { value: form[kebab] as LimitsForm[K], path: [...path, kebab] }
      : { value: form[name], path: [...path, name] }
  }
  const memory = readMemory(form, path, report)
  const swap = pick('memory_swap')
  const kernel = pick('kernel_memory')
  const cpuset = pick('cpuset_cpus').value
  const swapBytes = Number(swap.value) === -1 ? -1 : readSize(swap.value, swap.path, report)
  if (swapBytes !== null && swapBytes >= 0 && memory.memoryBytes !== null && swapBytes < memory.memoryBytes)
    report.problem(swap.path, 'less than memory, which it includes', 'make it larger, or -1 for no limit')
  return {
    ...memory,
    cpuMillis: readCpus(form, path, report),
    memorySwapBytes: swapBytes,
    kernelMemoryBytes: readSize(kernel.value, kernel.path, report),
    memorySwappiness: pick('memory_swappiness').value ?? null,
    cpuShares: pick('cpu_shares').value ?? null,
    cpusetCpus: cpuset === undefined ? null : String(cpuset),
    blkioWeight: pick('blkio_weight').value ?? null,
  }
}

function both(first: string, second: string, path: Path, report: Report): void {
  report.problem([...path, second], `${first} and ${second} mean the same; both are there`, 'keep one of them', 'key')
}

function readCpus(form: LimitsForm, path: Path, report: Report): number | null {
  if (form.cpus !== undefined && form.cpu_millicores !== undefined) both('cpus', 'cpu_millicores', path, report)
  if (form.cpus === undefined) return form.cpu_millicores ?? null
  const millis = parseCpus(form.cpus)
  if (millis === null)
    report.problem([...path, 'cpus'], `"${form.cpus}" is not an amount of processors`, `write ${CPUS_FORM}`)
  else if (millis === 0) report.problem([...path, 'cpus'], 'must be more than 0', `write ${CPUS_FORM}`)
  return millis
}

function readMemory(form: LimitsForm, path: Path, report: Report): Pick<Limits, 'memoryBytes' | 'memoryPercent'> {
  if (form.memory !== undefined && form.memory_bytes !== undefined) both('memory', 'memory_bytes', path, report)
  const percent = typeof form.memory === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(form.memory.trim())?.[1] : undefined
  if (percent === undefined) {
    const bytes =
      form.memory === undefined ? (form.memory_bytes ?? null) : readSize(form.memory, [...path, 'memory'], report)
    return { memoryBytes: bytes, memoryPercent: null }
  }
  const memoryPercent = Number(percent)
  if (memoryPercent <= 0 || memoryPercent > 100)
    report.problem([...path, 'memory'], 'must be more than 0% and at most 100%')
  return { memoryBytes: null, memoryPercent }
}

function readSize(value: string | number | undefined, path: Path, report: Report): number | null {
  if (value === undefined) return null
  const bytes = parseSize(value)
  if (bytes === null) report.problem(path, `"${value}" is not a size`, `write ${SIZE_FORM}`)
  return bytes
}

/** Smallest amounts of a `resources` block. */
const MIN_CPU_MILLIS = 5
const MIN_MEMORY_BYTES = 16_777_216

/** What a `resources` block asks for: both amounts are required there, and each has a minimum. */
export function normalizeResources(form: ResourcesForm, path: Path, report: Report): Resources {
  if (form.cpu_millicores !== undefined && form.cpu !== undefined) both('cpu_millicores', 'cpu', path, report)
  if (form.memory_bytes !== undefined && form.memory !== undefined) both('memory_bytes', 'memory', path, report)
  if (form.disk_bytes !== undefined && form.disk !== undefined) both('disk_bytes', 'disk', path, report)
  const cpu = form.cpu === undefined ? form.cpu_millicores : parseCpus(form.cpu)
  if (cpu === null)
    report.problem([...path, 'cpu'], `"${form.cpu}" is not an amount of processors`, `write ${CPUS_FORM}`)
  if (cpu === undefined && !report.hasProblem([...path, 'cpu'])) {
    report.missing(path, 'cpu_millicores', 'resources needs cpu_millicores', 'at least 5; 1000 is one core')
  }
  if (typeof cpu === 'number' && cpu < MIN_CPU_MILLIS)
    report.problem([...path, 'cpu'], 'must be at least 5 millicores (0.005)')
  const memory = form.memory === undefined ? form.memory_bytes : readSize(form.memory, [...path, 'memory'], report)
  if (memory === undefined && !report.hasProblem([...path, 'memory'])) {
    report.missing(path, 'memory_bytes', 'resources needs memory_bytes', 'at least 16777216')
  }
  if (typeof memory === 'number' && memory < MIN_MEMORY_BYTES)
    report.problem([...path, 'memory'], 'must be at least 16m (16777216 bytes)')
  const disk = form.disk === undefined ? form.disk_bytes : readSize(form.disk, [...path, 'disk'], report)
  return { cpuMillis: cpu ?? 0, memoryBytes: memory ?? 0, diskBytes: disk ?? 0 }
}
