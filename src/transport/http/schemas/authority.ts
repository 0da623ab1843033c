import * as z from 'zod'
import type { AuthorityView } from '../../../core/model/view.ts'
import { count, instant, named, positive, text } from './named.ts'

export const authorityView: z.ZodType<AuthorityView> = named(
  'Authority',
  z.strictObject({
    signing: text.describe('Authorities are named by the SHA-256 of their public key, in base32.'),
    trusted: z.array(text),
    rotation: z.enum(['none', 'prepared', 'switched']),
    since: instant.nullable(),
    waitsFor: z.array(positive).describe('Nodes without which the change does not go on.'),
    revoked: count.describe('Certificates that are not believed although they have not expired.'),
    clusterKey: z.strictObject({
      id: text.describe('Names the cluster key without telling anything of it.'),
      change: z.enum(['none', 'prepared', 'switched']),
      since: instant.nullable(),
      waitsFor: z
        .array(positive)
        .describe('Servers that do not hold yet what they are to hold, or still hold an old key.'),
    }),
    nodes: z.array(
      z.strictObject({
        nodeId: positive,
        name: text,
        connected: z.boolean(),
        trustsNext: z.boolean(),
        holdsNext: z.boolean(),
        notAfter: instant,
      }),
    ),
  }),
  'The certificate authority, and how far the nodes are with a change of it.',
)
