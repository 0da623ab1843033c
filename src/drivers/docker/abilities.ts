/** What `GET /info` answers, as far as it is read. */
export interface EngineFacts {
  readonly CgroupVersion?: string
  readonly CgroupDriver?: string
  readonly KernelVersion?: string
  readonly MemoryLimit?: boolean
  readonly SwapLimit?: boolean
  readonly KernelMemory?: boolean
  readonly CpuCfsQuota?: boolean
  readonly CPUShares?: boolean
  readonly CPUSet?: boolean
  readonly Warnings?: readonly string[] | null
}

/** What this machine's kernel offers, where the engine runs on this machine; null: not known. */
export interface KernelFacts {
  readonly blkioWeight: boolean | null
}

/**
 * Names the fields that this engine cannot honour on its machine, each with the reason. Engines accept such limits and
 * drop them with a warning at most, so nobody else would tell the user.
 */
export function unsupportedFields(engine: EngineFacts, kernel: KernelFacts): Readonly<Record<string, string>> {
  if (engine.CgroupDriver === 'none') {
    return Object.fromEntries(LIMITS.map((field) => [field, 'the engine has no control groups, as without root']))
  }
  const v2 = engine.CgroupVersion === '2'
  const unsupported: Record<string, string> = {}
  for (const [key, fields] of ENGINE_FLAGS) {
    if (engine[key] === false)
      for (const field of fields) unsupported[field] = 'the engine says that the kernel lacks it'
  }
  if (v2) {
    unsupported['limits.kernelMemoryBytes'] = 'control groups of version 2 count kernel memory with the rest'
    unsupported['limits.memorySwappiness'] = 'control groups of version 2 have no swappiness of their own'
  } else if (engine.KernelMemory !== true || !isBefore(engine.KernelVersion, 5, 16)) {
    // Newer kernels accept the limit and ignore it, and engines do not notice.
    unsupported['limits.kernelMemoryBytes'] = 'kernels from 5.16 on no longer limit kernel memory by itself'
  }
  const warned = engine.Warnings?.some((warning) => warning.includes('No blkio weight support')) ?? false
  if (warned || kernel.blkioWeight === false) {
    unsupported['limits.blkioWeight'] = 'the kernel has no scheduler that weighs block I/O by group'
  }
  return unsupported
}

const LIMITS = [
  'limits.cpuMillis',
  'limits.memoryBytes',
  'limits.memoryPercent',
  'limits.memorySwapBytes',
  'limits.kernelMemoryBytes',
  'limits.memorySwappiness',
  'limits.cpuShares',
  'limits.cpusetCpus',
  'limits.blkioWeight',
]

const ENGINE_FLAGS: readonly (readonly [keyof EngineFacts, readonly string[]])[] = [
  ['MemoryLimit', ['limits.memoryBytes', 'limits.memoryPercent']],
  ['SwapLimit', ['limits.memorySwapBytes']],
  ['CpuCfsQuota', ['limits.cpuMillis']],
  ['CPUShares', ['limits.cpuShares']],
  ['CPUSet', ['limits.cpusetCpus']],
]

/** Whether a kernel is older than the given version; one that does not say is taken for a new one. */
function isBefore(version: string | undefined, major: number, minor: number): boolean {
  const [, foundMajor, foundMinor] = /^(\d+)\.(\d+)/.exec(version ?? '') ?? []
  if (foundMajor === undefined) return false
  return Number(foundMajor) !== major ? Number(foundMajor) < major : Number(foundMinor) < minor
}
