import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { ContainerStats } from '../../ports/runtime.ts'
import { residentBytes, sessionMembers } from './proc.ts'
import type { SupervisedProcess } from './supervised-process.ts'

const TICK_MS: Millis = 10

/**
 * What a running task uses: what its control group counts, else the sum over its session, which misses processes that
 * have ended without being waited for. Throws RUNTIME_REFUSED when it does not run.
 */
export function processStats(task: SupervisedProcess, at: Millis): ContainerStats {
  const { cgroup, program, order } = task
  if (program === null || !task.isRunning())
    throw new OperationalError('RUNTIME_REFUSED', `process ${order.taskId} does not run`)
  const cpuMs = cgroup?.cpuMs() ?? null
  const memoryBytes = cgroup?.memoryBytes() ?? null
  if (cpuMs !== null && memoryBytes !== null) return { cpuMs, memoryBytes, at }
  const members = sessionMembers(program)
  return {
    cpuMs: members.reduce((sum, { cpuTicks }) => sum + cpuTicks * TICK_MS, 0),
    memoryBytes: members.reduce((sum, { pid }) => sum + residentBytes(pid), 0),
    at,
  }
}
