import type { ServiceSpec } from '../model/service.ts'
import { isWanted, type Task } from '../model/task.ts'
import { waitsForPredecessor } from '../schedule/need.ts'
import type { TaskChanges } from './task-changes.ts'

/** What users of a service would notice while its tasks change; empty: nothing. */
export function consequenceOf(spec: ServiceSpec, tasks: readonly Task[], changes: TaskChanges): string {
  const running = tasks.filter((task) => isWanted(task) && task.status.state === 'running').length
  const replaced = new Set(changes.outdated.map(({ slot }) => slot)).size
  const after = running + changes.empty.length - changes.surplus.filter(isRunning).length
  if (replaced > 0 && running > 0) return whileReplaced(spec, running, after, replaced, gapOf(tasks))
  return after === running || running === 0 ? '' : `${running} → ${after} running`
}

/** What users of a service would notice when it is removed. */
export function consequenceOfRemoval(tasks: readonly Task[]): string {
  const running = tasks.filter((task) => isWanted(task) && isRunning(task)).length
  return running === 0 ? '' : `stops serving: ${running} → 0 running`
}

function isRunning(task: Task): boolean {
  return task.status.state === 'running'
}

/** Slots are filled and emptied at once; `after` of them run while one after the other is replaced. */
function whileReplaced(
  spec: ServiceSpec,
  running: number,
  after: number,
  replaced: number,
  gap: string | null,
): string {
  const atOnce = Math.min(Math.max(1, spec.update.parallelism), replaced)
  const scaled = after === running ? '' : `${running} → ${after} running, `
  if (!waitsForPredecessor(spec)) {
    const most = after + atOnce
    const change = scaled === '' ? `${running} → ${most} running` : `${scaled}up to ${most}`
    return `${change} while ${theyAre(atOnce, after)} replaced`
  }
  const left = Math.max(0, after - atOnce)
  if (scaled === '' && running === 1)
    return `1 → 0 running ${gap === null ? 'while its task is replaced' : `for ${gap}`}`
  const each = gap === null ? '' : ` (${gap} each${atOnce === 1 ? '' : ' time'})`
  const change = scaled === '' ? `${running} → ${left} running` : `${scaled}down to ${left}`
  return `${change} while ${theyAre(atOnce, after)} replaced${each}`
}

function theyAre(atOnce: number, running: number): string {
  if (atOnce > 1) return `${atOnce} tasks at a time are`
  return running === 1 ? 'its task is' : 'each task is'
}

/**
 * How long a slot is without a running task: what the present tasks took from their start until they served, rounded
 * up. Their stop is not part of it, for nothing tells how much of its grace a task uses. null: no task tells.
 */
function gapOf(tasks: readonly Task[]): string | null {
  const took = tasks
    .flatMap(({ status: { startedAt, readyAt, restarts } }) =>
      startedAt === null || readyAt === null || readyAt < startedAt || restarts > 0 ? [] : [readyAt - startedAt],
    )
    .sort((a, b) => a - b)
  const median = took[took.length >> 1]
  return median === undefined ? null : `about ${Math.max(1, Math.ceil(median / 1_000))} s`
}
