import { linkContract } from '../../test/contract/link.contract.ts'
import type { AgentConnection } from '../ports/link.ts'
import { localLink } from './local-link.ts'

linkContract('within a process', async () => {
  const next = Promise.withResolvers<AgentConnection>()
  return { link: localLink(next.resolve), accepted: () => next.promise, dispose: async () => undefined }
})
