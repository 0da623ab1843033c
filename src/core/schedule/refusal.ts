import { invariant } from '../../lib/assert.ts'
import { compareText } from '../../lib/collections.ts'
import { ask, type Demand } from './demand.ts'
import { FILTERS, type Filter, type Question, type Refusal } from './filters.ts'
import type { Fleet } from './fleet.ts'

/**
 * Says why none of the nodes at these positions can take a task:
 * `not enough memory (2 nodes), host port 80 is taken by web.1.1 (1 node)`.
 */
export function refusalSentence(fleet: Fleet, positions: Iterable<number>, demand: Demand): string {
  const counted = new Map<string, { nodes: number; readonly by: string | null }>()
  for (const at of positions) {
    const refusal = firstRefusal(ask(fleet, at, demand))
    const known = counted.get(refusal.reason)
    if (known === undefined) counted.set(refusal.reason, { nodes: 1, by: refusal.by })
    else known.nodes += 1
  }
  if (counted.size === 0) return 'no node has joined'
  return [...counted]
    .sort(([reasonA, a], [reasonB, b]) => b.nodes - a.nodes || compareText(reasonA, reasonB))
    .map(([reason, { nodes, by }]) => `${reason}${holders(by, nodes)} (${nodes === 1 ? '1 node' : `${nodes} nodes`})`)
    .join(', ')
}

/** Whoever asks has found that no node fits, so there is one. */
function firstRefusal(question: Question): Refusal {
  let refusal: Refusal | null = null
  for (const filter of FILTERS) {
    refusal = filter.refuse(question)
    if (refusal !== null) break
  }
  invariant(refusal !== null, `node ${question.node.id} was refused without a reason`)
  return refusal
}

function holders(first: string | null, nodes: number): string {
  if (first === null) return ''
  return nodes === 1 ? ` by ${first}` : ` by ${first} and others`
}

/**
 * What would be the smallest thing to change so that one of these nodes could take a task:
 * `fits if node 1 had 512 MB more memory`; null: one can.
 */
export function remedySentence(fleet: Fleet, positions: Iterable<number>, demand: Demand): string | null {
  let nearest: { readonly question: Question; readonly missing: readonly Filter[] } | null = null
  for (const at of positions) {
    const question = ask(fleet, at, demand)
    const missing = FILTERS.filter(({ refuse }) => refuse(question) !== null)
    if (missing.length === 0) return null
    if (nearest === null || missing.length < nearest.missing.length) nearest = { question, missing }
  }
  if (nearest === null) return 'fits if a node joined'
  const { question, missing } = nearest
  return `fits if ${missing.map(({ remedy }) => remedy(question)).join(' and ')}`
}
