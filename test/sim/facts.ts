import type { Millis } from '../../src/core/model/ids.ts'
import type { AgentMessage, ServerMessage } from '../../src/core/model/message.ts'
import type { ChangeBatch, Commit } from '../../src/ports/store.ts'
import type { EndCause, SimContainer } from './container.ts'

export type EngineCall = 'create' | 'start' | 'stop' | 'remove'

/** Something that really happened, as the checks are told it at that moment. */
export type Fact =
  | { readonly kind: 'commit'; readonly author: string; readonly commit: Commit; readonly batch: ChangeBatch }
  /** An engine is about to carry out a call of the node's agent. */
  | { readonly kind: 'call'; readonly node: string; readonly call: EngineCall; readonly container: SimContainer }
  | { readonly kind: 'created' | 'started' | 'removed'; readonly node: string; readonly container: SimContainer }
  | { readonly kind: 'ended'; readonly node: string; readonly container: SimContainer; readonly cause: EndCause }
  /** A container could not start because another one holds one of its host ports. */
  | {
      readonly kind: 'port-clash'
      readonly node: string
      readonly container: SimContainer
      readonly holder: SimContainer
    }
  /** The agent learned nothing of what became of its call to start the container. */
  | { readonly kind: 'start-unanswered'; readonly node: string; readonly taskId: string }
  /** The state that an agent keeps is durable. */
  | { readonly kind: 'cached'; readonly node: string; readonly text: string }
  | { readonly kind: 'to-server'; readonly node: string; readonly server: string; readonly message: AgentMessage }
  | { readonly kind: 'to-agent'; readonly node: string; readonly server: string; readonly message: ServerMessage }
  /** The agent asks for its leases; whether anybody hears it is another matter. */
  | { readonly kind: 'renewal-asked'; readonly node: string; readonly round: number }
  /** The watchdog knows when the container must have ended. */
  | { readonly kind: 'armed'; readonly node: string; readonly container: SimContainer; readonly at: Millis }
  | { readonly kind: 'agent-died' | 'rebooted' | 'parking'; readonly node: string }
  | { readonly kind: 'log'; readonly process: string; readonly level: string; readonly text: string }

export type Observe = (fact: Fact) => void
