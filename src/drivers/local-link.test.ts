import { linkContract } from '../../test/contract/link.contract.ts'
import type { AgentConnection } from '../ports/link.ts'
import { localLink } from './local-link.ts'

linkContract(
  'within a process',
  async () => {
    const next = Promise.withResolvers<AgentConnection>()
    return {
      link: localLink(next.resolve),
      accepted: () => next.promise,
      settle: (work) => work,
      dispose: async () => undefined,
    }
  },
  { lostCalls: 'an agent of this process is there as long as its server is' },
)
