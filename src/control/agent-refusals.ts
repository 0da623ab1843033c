import type { Millis, NodeId } from '../core/model/ids.ts'
import { understand } from '../core/model/level.ts'
import type { Authority, Hello } from '../core/model/message.ts'
import type { Node } from '../core/model/node.ts'
import type { StoreCondition } from '../core/model/view.ts'
import { judgeAuthority } from '../core/node/fence.ts'
import type { Certified } from '../core/node/join.ts'
import type { Clock } from '../ports/clock.ts'
import type { AgentConnection } from '../ports/link.ts'
import type { PassDeps } from './pass.ts'

const SHOWN_FOR_MS: Millis = 60_000

/** Why agents were sent away that came in the last minute: they come again and again, and people are to be told once. */
export class AgentRefusals {
  readonly #clock: Clock
  readonly #byNode = new Map<NodeId, { readonly reason: string; readonly at: Millis }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether it is news that this node was sent away for this reason. */
  note(node: NodeId, reason: string): boolean {
    const isNews = this.#recent(node) !== reason
    this.#byNode.set(node, { reason, at: this.#clock.now() })
    return isNews
  }

  /** It was welcome. */
  forget(node: NodeId): void {
    this.#byNode.delete(node)
  }

  conditions(nodes: readonly Pick<Node, 'id' | 'name'>[]): readonly StoreCondition[] {
    return nodes.flatMap(({ id, name }) => {
      const reason = this.#recent(id)
      if (reason === null) return []
      const message = `the agent of node ${id} (${name}) comes and is sent away: ${reason}`
      const hint = 'what runs there goes on until its tasks are replaced elsewhere'
      return [{ kind: 'agent refused', severity: 'warning', message, hint }]
    })
  }

  #recent(node: NodeId): string | null {
    const last = this.#byNode.get(node)
    return last !== undefined && this.#clock.now() - last.at < SHOWN_FOR_MS ? last.reason : null
  }
}

/** What the certificate of a connection says; null: it has none. */
export function certifiedBy({ peer, barred }: AgentConnection): Certified | null {
  return peer === null ? null : { nodeId: peer.nodeId, barred: barred ?? null }
}

/** Why this server must not lead an agent that says this; null: it may. `own`: whom it would have it obey. */
export function refusalOf(hello: Hello, certified: Certified | null, own: Authority, deps: PassDeps): string | null {
  if (certified !== null && hello.nodeId !== null && hello.nodeId !== certified.nodeId && !becameAnother(hello, deps))
    return `the agent says that it is node ${hello.nodeId}, but its certificate is of node ${certified.nodeId}`
  if (!understand(hello.level, deps.level))
    return `the agent knows messages of level ${hello.level}, this server of level ${deps.level}: upgrade one level at a time`
  // Whether to believe the incarnation is for the agent to judge.
  const verdict = judgeAuthority(hello.authority, own, () => true)
  if (verdict.kind === 'accept') return null
  return verdict.kind === 'stale' ? 'the agent has obeyed a newer leader' : verdict.message
}

/** Its machine took the place of another node, which it has not heard of or which its certificate does not say yet. */
function becameAnother({ machineId, nodeId }: Hello, { world }: PassDeps): boolean {
  return world.nodes().some((node) => node.machineId === machineId && node.id !== nodeId)
}
