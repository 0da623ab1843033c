import type { Role } from '../src/core/model/identity.ts'
import { createAuthority } from '../src/drivers/pki/authority.ts'
import type { StoredIdentity } from '../src/drivers/pki/identity-files.ts'
import { issueCertificate } from '../src/drivers/pki/issue-certificate.ts'
import { newKeyAndRequest } from '../src/drivers/pki/request.ts'
import type { AgentCalls } from '../src/ports/link.ts'

export const CLUSTER = '0123456789abcdef'

/** Gives out identities of one cluster. */
export async function aCertifier(
  clusterId: string = CLUSTER,
): Promise<(role: Role, nodeId: number, now?: number) => Promise<StoredIdentity>> {
  const authority = await createAuthority(clusterId, Date.now())
  return async (role, nodeId, now = Date.now()) => {
    const { key, request } = await newKeyAndRequest()
    const terms = { clusterId, role, nodeId, addresses: ['127.0.0.1'], now, lifeMs: 3_600_000 }
    const certificate = await issueCertificate(authority, request, terms)
    return { key, certificate, bundle: authority.certificate, clusterKey: null }
  }
}

/** Calls of an agent that has nothing to tell. */
export function idleCalls(change: Partial<AgentCalls> = {}): AgentCalls {
  return {
    logs: async function* () {
      // It has no tasks.
    },
    exec: () => Promise.reject(new Error('nothing runs here')),
    survey: async (images) => ({ runtimes: [], presentImages: images }),
    samples: async () => [],
    hostStats: () => Promise.reject(new Error('nothing is measured here')),
    answers: async () => true,
    ...change,
  }
}
