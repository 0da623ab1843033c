import { compareText, groupBy } from '../../lib/collections.ts'
import type { ServiceName } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { Plan } from '../model/plan.ts'
import { isWanted, type Task } from '../model/task.ts'

export type Facts = Readonly<Record<string, string>>

/** What a plan rests on: which manifest is the desired one, the tasks of the services that it touches, and the nodes. */
export function factsOf(
  desiredRevision: number,
  services: readonly ServiceName[],
  tasks: readonly Task[],
  nodes: readonly Node[],
): Facts {
  const facts: Record<string, string> = { manifest: String(desiredRevision) }
  const wanted = groupBy(tasks.filter(isWanted), (task) => task.service)
  for (const service of services)
    facts[`service/${service}`] = (wanted.get(service) ?? []).map(taskFact).sort(compareText).join(', ')
  for (const node of nodes) facts[`node/${node.id}`] = nodeFact(node)
  return facts
}

function taskFact({ id, specHash, node }: Task): string {
  return `${id} of ${specHash} on ${node ?? 'no node'}`
}

function nodeFact({ status, availability, placement, runtimes }: Node): string {
  const available = runtimes.filter((runtime) => runtime.available).map(({ kind }) => kind)
  return [status, availability, `placement ${placement}`, ...available.sort(compareText)].join(', ')
}

/** Names in sentences what moved between the making of a plan and now; empty when all it rests on is as it was. */
export function movedFacts(planned: Pick<Plan, 'facts'>, now: Pick<Plan, 'facts'>): readonly string[] {
  const objects = [...new Set([...Object.keys(planned.facts), ...Object.keys(now.facts)])].sort(compareText)
  return objects.flatMap((object) => {
    const [before, after] = [planned.facts[object], now.facts[object]]
    return before === after ? [] : [moved(object, before, after)]
  })
}

function moved(object: string, before: string | undefined, after: string | undefined): string {
  const [kind, name] = object.split('/', 2)
  if (kind === 'manifest') return `manifest ${before} became manifest ${after}`
  if (kind === 'service') {
    if (before === undefined) return `${name} would change now too`
    return after === undefined ? `${name} would not change any more` : movedTasks(before, after)
  }
  if (kind === 'authority') return `the authority was ${before}; it is ${after} now`
  if (before === undefined) return `node ${name} has joined`
  return after === undefined ? `node ${name} is gone` : `node ${name} was ${before}; it is ${after} now`
}

function movedTasks(before: string, after: string): string {
  const [old, current] = [factsById(before), factsById(after)]
  const parts: string[] = []
  for (const [id, fact] of old) {
    const its = current.get(id)
    if (its === undefined) parts.push(`${id} is gone`)
    else if (its !== fact) parts.push(`${id} was ${fact}, is ${its} now`)
  }
  for (const id of current.keys()) if (!old.has(id)) parts.push(`${id} is there now`)
  return parts.join(', ')
}

function factsById(facts: string): Map<string, string> {
  const items = facts === '' ? [] : facts.split(', ')
  return new Map(items.map((item) => [item.slice(0, item.indexOf(' ')), item.slice(item.indexOf(' ') + 1)]))
}
