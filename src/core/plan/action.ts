import { diffSpec } from '../manifest/diff.ts'
import type { Node } from '../model/node.ts'
import type { FieldChange, PlanAction } from '../model/plan.ts'
import type { ServiceSpec } from '../model/service.ts'
import { isWanted, type Task } from '../model/task.ts'
import { endedAs } from '../service/restart.ts'
import { consequenceOf, consequenceOfRemoval } from './consequence.ts'
import { type TaskChanges, taskChanges } from './task-changes.ts'

/** One service before and after a change; at least one of the two is there. */
export interface ServiceChange {
  /** null: it is new. */
  readonly from: ServiceSpec | null
  readonly to: ServiceSpec
  /** All of its tasks, in any state. */
  readonly tasks: readonly Task[]
  readonly nodes: readonly Node[]
}

/** What would happen to a service that is wanted after the change; null: nothing. */
export function actionFor({ from, to, tasks, nodes }: ServiceChange): PlanAction | null {
  const changes = taskChanges(to, tasks, nodes)
  const fields = from === null ? [] : diffSpec(from, to)
  const touched = [
    ...changes.outdated.map(listed),
    ...changes.surplus.map(listed),
    ...changes.empty.map(({ slot }) => ({ slot, task: null, node: to.mode === 'global' ? slot : null })),
  ].sort((a, b) => a.slot - b.slot)
  if (from !== null && fields.length === 0 && touched.length === 0) return null

  const forced = fields.filter(({ effect }) => effect === 'replace')
  const replaces = changes.outdated.length > 0 || (forced.length > 0 && changes.empty.length > 0)
  return {
    kind: from === null ? 'add' : replaces ? 'replace' : 'update',
    service: to.name,
    subject: subjectOf(to),
    tasks: touched,
    fields,
    because: from === null ? 'it is not in the cluster yet' : reason(from, to, replaces ? forced : [], fields, changes),
    consequence: consequenceOf(to, tasks, changes),
  }
}

/** What would happen to a service that is not wanted any more. */
export function removalOf(from: ServiceSpec, tasks: readonly Task[], because: string): PlanAction {
  return {
    kind: 'remove',
    service: from.name,
    subject: subjectOf(from),
    tasks: tasks
      .filter(isWanted)
      .sort((a, b) => a.slot - b.slot || a.attempt - b.attempt)
      .map(listed),
    fields: [],
    because,
    consequence: consequenceOfRemoval(tasks),
  }
}

/** A task as a plan lists it. */
export function listed({ slot, id, node }: Task): PlanAction['tasks'][number] {
  return { slot, task: id, node }
}

/** Image, or the program of a process. */
export function subjectOf({ container }: ServiceSpec): string {
  return container.image ?? [...(container.entrypoint ?? []), ...(container.command ?? [])][0] ?? ''
}

function reason(
  from: ServiceSpec,
  to: ServiceSpec,
  forced: readonly FieldChange[],
  fields: readonly FieldChange[],
  changes: TaskChanges,
): string {
  if (fields.length === 0) return unfinished(changes, to)
  if (fields.length === 1 && from.restartCount !== to.restartCount) return 'a restart was asked for'
  return forced.length > 0 ? `${names(forced)} cannot change in a running task` : `${names(fields)} changed`
}

function names(fields: readonly FieldChange[]): string {
  return fields.map(({ field }) => field).join(', ')
}

/** Nothing changed in the spec, but its tasks are not there yet. */
function unfinished({ outdated, surplus, empty }: TaskChanges, spec: ServiceSpec): string {
  const parts: string[] = []
  if (outdated.length > 0) parts.push(`${tasksWord(outdated.length)} of another spec still there`)
  if (surplus.length > 0) parts.push(`${tasksWord(surplus.length)} more than wanted`)
  for (const { slot, last } of empty) {
    parts.push(
      last === null
        ? `slot ${slot} has no task`
        : `${last.id} ${endedAs(last)}, and its restart policy is ${spec.restart}`,
    )
  }
  return parts.join(', ')
}

function tasksWord(count: number): string {
  return count === 1 ? '1 task' : `${count} tasks`
}
