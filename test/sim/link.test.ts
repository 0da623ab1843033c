import { createRng } from '../../src/lib/rng.ts'
import type { AgentConnection } from '../../src/ports/link.ts'
import { linkContract } from '../contract/link.contract.ts'
import { VirtualClock } from './clock.ts'
import { SimConnection } from './connection.ts'
import { Mortal } from './mortal.ts'
import { SimNetwork } from './network.ts'

linkContract('between simulated machines', async () => {
  // The suite's own programs and logs take real turns.
  const clock = new VirtualClock({ guarded: false })
  const accepted = Promise.withResolvers<AgentConnection>()
  return {
    link: {
      connect: async (calls) => {
        const connection = new SimConnection({
          clock,
          rng: createRng(1),
          observe: () => undefined,
          node: 'node-1',
          serverMachine: 'server-1',
          network: new SimNetwork(clock),
          agent: new Mortal('agent', clock),
          server: new Mortal('server', clock),
          calls,
          copies: true,
          peer: null,
          barred: null,
        })
        accepted.resolve(connection.forServer())
        return connection.forAgent()
      },
      prefer: () => undefined,
    },
    accepted: () => accepted.promise,
    settle: async (work) => {
      let done = false
      const ended = (): void => {
        done = true
      }
      work.then(ended, ended)
      while (!done) await clock.runUntil(clock.now() + 10, () => !done)
      return work
    },
    dispose: async () => undefined,
  }
})
