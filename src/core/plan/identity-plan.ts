import { contentHash } from '../../lib/canonical-json.ts'
import type { NodeId } from '../model/ids.ts'
import type { Node } from '../model/node.ts'
import type { AuthorityChange, NodeAction, Plan, PlanNote } from '../model/plan.ts'
import { countActions } from './plan.ts'

/** What every change of what machines believe is planned from. */
export interface IdentityPlanInput {
  readonly clusterId: string
  readonly desiredRevision: number
  readonly change: AuthorityChange
  readonly nodes: readonly Node[]
  /** Nodes whose agent is connected. */
  readonly connected: ReadonlySet<NodeId>
}

/** What one kind of such a change adds. */
export interface IdentitySteps {
  /** Machines that it concerns, in order, and what it means for each. */
  readonly steps: readonly { readonly node: NodeId; readonly consequence: string }[]
  /** What is believed now: its name and what is known of it. */
  readonly present: readonly [name: string, state: string]
  /** Why it cannot begin; null: it can. */
  readonly blocker: string | null
  readonly notes: readonly string[]
}

/** The plan of such a change: it rests on what is believed now, and on which of the machines are there. */
export function planOfIdentity(
  { clusterId, desiredRevision, change, nodes, connected }: IdentityPlanInput,
  { steps, present: [name, state], blocker, notes }: IdentitySteps,
): Plan {
  const facts: Record<string, string> = { [name]: state }
  for (const { node } of steps) facts[`node/${node}`] = connected.has(node) ? 'connected' : 'away'
  return {
    level: null,
    id: contentHash({ clusterId, change, facts }),
    clusterId,
    baseRevision: desiredRevision,
    change,
    actions: [],
    nodes: steps.map(({ node, consequence }): NodeAction => {
      const named = nodes.find(({ id }) => id === node)?.name ?? ''
      return { node, name: named, kind: 'change', fields: [], consequence }
    }),
    summary: countActions([]),
    pulls: [],
    notes: notes.map(note),
    blockers: blocker === null ? [] : [note(blocker)],
    facts,
  }
}

function note(message: string): PlanNote {
  return { service: null, field: null, message }
}
