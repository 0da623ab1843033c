import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Node } from '../core/model/node.ts'
import type { StoreCondition } from '../core/model/view.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

/** An agent whose connection breaks again and again, and whose runtimes come and go, stays far below. */
const AT_ONCE = 100
const PER_SECOND = 3
const SHOWN_FOR_MS: Millis = 60_000

interface Allowance {
  left: number
  at: Millis
  refusedAt: Millis | null
}

/** Bounds how often an agent may connect and say hello, for each costs the leader more than it costs the agent. */
export class AgentPace {
  readonly #clock: Clock
  readonly #log: Log
  readonly #byNode = new Map<NodeId, Allowance>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** Counts one connection or hello of a node. False: it is one too many, and is to be sent away unheard. */
  admits(node: NodeId): boolean {
    const now = this.#clock.now()
    const { left, at, refusedAt } = this.#byNode.get(node) ?? { left: AT_ONCE, at: now, refusedAt: null }
    const allowed = Math.min(AT_ONCE, left + ((now - at) * PER_SECOND) / 1_000)
    const admitted = allowed >= 1
    if (!admitted && !isRecent(refusedAt, now))
      this.#log.warn('an agent connects or says hello too often, and is sent away', { node })
    const next = { left: admitted ? allowed - 1 : allowed, at: now, refusedAt: admitted ? refusedAt : now }
    this.#byNode.set(node, next)
    return admitted
  }

  /** Those that were sent away in the last minute. */
  conditions(nodes: readonly Pick<Node, 'id' | 'name'>[]): readonly StoreCondition[] {
    const now = this.#clock.now()
    return nodes.flatMap(({ id, name }) => {
      if (!isRecent(this.#byNode.get(id)?.refusedAt ?? null, now)) return []
      const message = `the agent of node ${id} (${name}) connects or says hello too often, and is sent away`
      const hint = `look at its machine; \`gantry node rm ${id}\` ends its certificate`
      return [{ kind: 'agent too eager', severity: 'warning', message, hint }]
    })
  }
}

function isRecent(at: Millis | null, now: Millis): boolean {
  return at !== null && now - at < SHOWN_FOR_MS
}
