import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Node } from '../core/model/node.ts'
import type { StoreCondition } from '../core/model/view.ts'
import type { Clock } from '../ports/clock.ts'

const SHOWN_FOR_MS: Millis = 60_000

interface Refusal {
  readonly node: NodeId
  readonly reason: string
  readonly at: Millis
}

/** Why agents were sent away that came in the last minute: they come again and again, and people are to be told once. */
export class AgentRefusals {
  readonly #clock: Clock
  readonly #byMachine = new Map<string, Refusal>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether it is news that this machine, which came as that node, was sent away for this reason. */
  note(machine: string, node: NodeId, reason: string): boolean {
    const isNews = this.#recent().get(machine)?.reason !== reason
    this.#byMachine.set(machine, { node, reason, at: this.#clock.now() })
    return isNews
  }

  /** It was welcome, as whichever node. */
  forget(machine: string): void {
    this.#byMachine.delete(machine)
  }

  conditions(nodes: readonly Pick<Node, 'id' | 'name'>[]): readonly StoreCondition[] {
    const hint = 'what runs there goes on until its tasks are replaced elsewhere'
    return [...this.#recent().values()].flatMap(({ node, reason }) => {
      const name = nodes.find(({ id }) => id === node)?.name
      if (name === undefined) return []
      const message = `the agent of node ${node} (${name}) comes and is sent away: ${reason}`
      return [{ kind: 'agent refused', severity: 'warning', message, hint }]
    })
  }

  /** Those of the last minute; the others are forgotten. */
  #recent(): ReadonlyMap<string, Refusal> {
    const now = this.#clock.now()
    for (const [machine, { at }] of this.#byMachine) if (now - at >= SHOWN_FOR_MS) this.#byMachine.delete(machine)
    return this.#byMachine
  }
}
