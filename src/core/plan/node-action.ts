import { unreachable } from '../../lib/assert.ts'
import { factWords, isSetByUser, NODE_FACTS, type Node, type NodeFact } from '../model/node.ts'
import type { NodeAction, NodeChange } from '../model/plan.ts'
import { isAlive, type Task } from '../model/task.ts'
import type { NodeTarget } from './node-target.ts'

const KINDS: Readonly<Record<NodeChange['kind'], NodeAction['kind']>> = {
  node: 'change',
  'remove-node': 'remove',
  'fence-node': 'fence',
  'replace-node': 'replace',
}

/** What a change does to its node; null: nothing. `leaving`: tasks that go elsewhere or are stopped for it. */
export function nodeActionOf(
  change: NodeChange,
  target: NodeTarget,
  tasks: readonly Task[],
  leaving: readonly Task[],
): NodeAction | null {
  const { from, to } = target
  const fields = to === null ? [] : fieldsOf(from, to)
  if (change.kind === 'node' && fields.length === 0) return null
  const lost = target.losesTasks ? tasks.filter((task) => task.node === from.id && isAlive(task)) : []
  if (change.kind === 'fence-node' && lost.length === 0) return null
  if (change.kind === 'replace-node' && isAwaited(from) && target.freed === null) return null
  const parts = [headOf(change, target), lostWords(lost), ...(change.kind === 'node' ? setWords(target, leaving) : [])]
  return {
    node: from.id,
    name: from.name,
    kind: KINDS[change.kind],
    fields,
    consequence: parts.filter((part) => part !== '').join('; '),
  }
}

/** What was done to a node, for its event and for the tasks that went with it. */
export function nodeChangeWords(change: NodeChange, { from, to, freed }: NodeTarget): string {
  const node = `node ${from.id} (${from.name})`
  switch (change.kind) {
    case 'node': {
      const fields = to === null ? [] : fieldsOf(from, to)
      return `${node} was set: ${fields.map((field) => `${field.field} ${shown(field.from)} → ${shown(field.to)}`).join(', ')}`
    }
    case 'remove-node':
      return `${node} was removed from the cluster`
    case 'fence-node':
      return `the machine of ${node} is said to be off`
    case 'replace-node':
      return `${node} is replaced by ${freed === null ? 'the next machine that joins' : `the machine of node ${freed}`}`
    default:
      return unreachable(change)
  }
}

function shown(value: string): string {
  return value === '' ? '(none)' : value
}

/** Its place is free for the next machine already. */
function isAwaited({ reserved, status }: Node): boolean {
  return reserved && status !== 'removed'
}

function headOf(change: NodeChange, { from, freed }: NodeTarget): string {
  if (change.kind === 'remove-node') return `id ${from.id} becomes free, and its machine is refused when it comes back`
  if (change.kind !== 'replace-node') return ''
  const who = freed === null ? 'the next machine that joins' : `the machine of node ${freed}`
  return `${who} becomes node ${from.id}, with its placement, labels and addresses; the old one is refused`
}

function lostWords(lost: readonly Task[]): string {
  if (lost.length === 0) return ''
  const shown = lost.slice(0, 5).map(({ id }) => id)
  const more = lost.length > shown.length ? ` and ${lost.length - shown.length} more` : ''
  return `given up and replaced: ${shown.join(', ')}${more}`
}

function setWords({ from, to }: NodeTarget, leaving: readonly Task[]): string[] {
  if (to === null) return []
  const words: string[] = []
  if (from.availability !== to.availability) words.push(AVAILABILITY[to.availability])
  const moved = leaving.filter(({ spec }) => spec.mode !== 'global').length
  const stopped = leaving.length - moved
  if (moved > 0) words.push(`${count(moved)} elsewhere`)
  if (stopped > 0) words.push(`${stopped === 1 ? '1 task is' : `${stopped} tasks are`} stopped`)
  if (from.publicAddress !== to.publicAddress) words.push('tasks learn the address when they are made anew')
  return words
}

const AVAILABILITY: Readonly<Record<Node['availability'], string>> = {
  active: 'it takes new tasks',
  pause: 'it takes no new tasks and keeps those it has',
  drain: 'it takes no new tasks and is emptied',
}

function count(tasks: number): string {
  return tasks === 1 ? '1 task goes' : `${tasks} tasks go`
}

function fieldsOf(from: Node, to: Node): NodeAction['fields'] {
  const names = [...new Set([...Object.keys(from.labels), ...Object.keys(to.labels)])].sort()
  const same = from.machineId === to.machineId
  const pairs = [
    pairOf(
      'machine',
      from.machineId === null ? null : from.hostname,
      to.machineId === null ? null : to.hostname,
      !same,
    ),
    pairOf('availability', from.availability, to.availability),
    ...NODE_FACTS.map((fact) => factPair(fact, from, to)),
    ...names.map((name) => pairOf(`label ${name}`, labelOf(from, name), labelOf(to, name))),
  ]
  return pairs.filter((pair) => pair !== null)
}

function pairOf(field: string, before: string | null, after: string | null, differs = before !== after) {
  return differs ? { field, from: before ?? '', to: after ?? '' } : null
}

/** Who takes back what he set is told what he gets for it, also where that is the same. */
function factPair(fact: NodeFact, from: Node, to: Node) {
  const isReset = isSetByUser(fact, from.settings) && !isSetByUser(fact, to.settings)
  if (!isReset) return pairOf(factWords(fact), from[fact], to[fact])
  const after =
    to.said === undefined ? 'what its agent says when it connects next' : `${to[fact] ?? 'none'} (as its agent says)`
  return pairOf(factWords(fact), from[fact], after)
}

function labelOf({ labels }: Node, name: string): string | null {
  if (!Object.hasOwn(labels, name)) return null
  return labels[name] === '' ? '""' : (labels[name] ?? null)
}
