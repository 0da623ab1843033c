/** Names of a spec's parts whose key in the manifest is not simply the same word with underscores. */
const MANIFEST_NAMES: Readonly<Record<string, string>> = {
  cpuMillis: 'cpus',
  memoryBytes: 'memory',
  memoryPercent: 'memory',
  memorySwapBytes: 'memory_swap',
  kernelMemoryBytes: 'kernel_memory',
  diskBytes: 'disk',
  restart: 'restart_policy',
  health: 'health_check',
  scale: 'scale_policy',
  update: 'update_policy',
  mounts: 'volumes',
  'mounts.bind': 'volumes',
  'mounts.volume': 'volumes',
  'mounts.data': 'stateless',
  capAdd: 'capabilities.add',
  capDrop: 'capabilities.drop',
  stopGraceMs: 'stop_grace_period',
  leaseMs: 'lease',
  intervalMs: 'interval',
  timeoutMs: 'timeout',
  startPeriodMs: 'start_period',
  cooldownMs: 'cooldown_seconds',
  targetCpuPercent: 'target_cpu',
  targetMemoryPercent: 'target_memory',
  restartCount: 'restarts',
  variants: 'placements.settings',
  argv: 'command',
  path: 'http_path',
  kind: 'type',
}

/** A part of a spec in the words of the manifest: `limits.memoryBytes` is `limits.memory`. */
export function manifestName(field: string): string {
  const known = MANIFEST_NAMES[field]
  if (known !== undefined) return known
  const dot = field.indexOf('.')
  if (dot > 0) return `${manifestName(field.slice(0, dot))}.${manifestName(field.slice(dot + 1))}`
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
