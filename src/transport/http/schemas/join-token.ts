import * as z from 'zod'
import type { NewJoinToken } from '../../../control/api.ts'
import { ROLES } from '../../../core/model/identity.ts'
import type { JoinTokenView } from '../../../core/model/view.ts'
import { count, instant, named, text } from './named.ts'

export const joinTokenView: z.ZodType<JoinTokenView> = named(
  'JoinToken',
  z.strictObject({
    id: text,
    role: z.enum(ROLES),
    createdBy: text,
    createdAt: instant,
    expiresAt: instant,
    usesLeft: count.nullable(),
    revokedAt: instant.nullable(),
  }),
  'A token with which machines join the cluster, without what proves it.',
)

export const newJoinToken: z.ZodType<NewJoinToken> = named(
  'NewJoinToken',
  z.strictObject({ text: z.string().describe('The token itself; it is shown this once.'), token: joinTokenView }),
  'A join token that was made just now.',
)
