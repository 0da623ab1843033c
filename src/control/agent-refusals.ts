import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Node } from '../core/model/node.ts'
import type { StoreCondition } from '../core/model/view.ts'
import type { Clock } from '../ports/clock.ts'

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
