import * as z from 'zod'
import { ROLES } from '../../../core/model/identity.ts'
import { joinTokenView, newJoinToken } from '../schemas/join-token.ts'
import { listOf } from '../schemas/named.ts'
import { byId } from './params.ts'
import { jsonRoute, type Route } from './route.ts'

const hex = (bytes: number): z.ZodString =>
  z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `must be ${bytes} bytes in hex`)

const LONGEST_LIFE_MS = 366 * 24 * 3_600_000

export const joinTokenRoutes: readonly Route[] = [
  jsonRoute({
    method: 'POST',
    path: '/join-tokens',
    summary: 'Makes a join token. Its text is in this answer and nowhere else.',
    status: 201,
    body: z.strictObject({
      role: z.enum(ROLES),
      lifeMs: z
        .int()
        .min(1_000)
        .max(LONGEST_LIFE_MS)
        .optional()
        .describe('Left out: 24 hours for agents, 1 for servers.'),
      uses: z
        .int()
        .min(1)
        .max(10_000)
        .nullable()
        .optional()
        .describe('null: any number. Left out: any for agents, 1 for servers.'),
    }),
    response: newJoinToken,
    handle: (api, { body: { role, lifeMs = null, uses }, caller }) =>
      api.createJoinToken({ role, lifeMs, uses }, caller),
  }),
  jsonRoute({
    method: 'GET',
    path: '/join-tokens',
    summary: 'Join tokens that are kept, the newest first.',
    response: listOf(joinTokenView),
    handle: (api) => api.joinTokens(),
  }),
  jsonRoute({
    method: 'POST',
    path: '/join-tokens/:id/revoke',
    summary: 'Revokes a join token: it lets nobody in any more.',
    params: byId,
    body: z.strictObject({}),
    response: joinTokenView,
    handle: (api, { params, caller }) => api.revokeJoinToken(params.id, caller),
  }),
  jsonRoute({
    method: 'POST',
    path: '/cluster-secret',
    summary: 'Replaces the cluster secret, with which machines join. It comes stretched: nobody needs to see it.',
    body: z.strictObject({
      secret: z
        .strictObject({ salt: hex(16), stretched: hex(32).describe('scrypt of the secret: N = 32768, r = 8, p = 1.') })
        .nullable()
        .describe('null: machines join with tokens only.'),
    }),
    response: z.strictObject({ changed: z.literal(true) }),
    handle: async (api, { body, caller }) => {
      await api.setClusterSecret(body.secret, caller)
      return { changed: true } as const
    },
  }),
]
