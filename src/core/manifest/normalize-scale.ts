import type { ScalePolicy, ServiceMode } from '../model/service.ts'
import { type Fields, single } from './fields.ts'

const COOLDOWN_SECONDS = 60

/** The scale policy; its bounds must hold each other and the number of replicas. */
export function normalizeScale(fields: Fields, mode: ServiceMode, replicas: number): ScalePolicy | null {
  const source = single(fields, 'scale_policy')
  if (source === null) return null
  const { value, path } = source
  const { report } = fields
  if (mode !== 'replicated')
    report.problem(path, `a ${mode} service cannot be scaled by load`, 'remove scale_policy', 'key')
  const min = value.min_replicas ?? 1
  const max = value.max_replicas ?? Math.max(replicas, min)
  if (min > max) report.problem([...path, 'max_replicas'], `must be at least min_replicas, ${min}`)
  else if (mode === 'replicated' && fields.doc.replicas !== undefined && (replicas < min || replicas > max)) {
    // 0 pauses the service whatever the bounds are.
    if (replicas !== 0)
      report.problem([...fields.path, 'replicas'], `must be within scale_policy, ${min} to ${max}, not ${replicas}`)
  }
  if (value.target_cpu === undefined && value.target_memory === undefined) {
    report.note(path, 'names neither target_cpu nor target_memory: nothing will scale the service')
  }
  return {
    minReplicas: min,
    maxReplicas: max,
    targetCpuPercent: value.target_cpu ?? null,
    targetMemoryPercent: value.target_memory ?? null,
    cooldownMs: (value.cooldown_seconds ?? COOLDOWN_SECONDS) * 1000,
  }
}
