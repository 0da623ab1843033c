import * as z from 'zod'
import { NODE_NAME } from '../../core/manifest/names.ts'
import { ROLES } from '../../core/model/identity.ts'

/** What every machine says that joins. */
export const joining = z.object({
  role: z.enum(ROLES),
  name: z.string().regex(NODE_NAME),
  addresses: z.array(z.string().max(253)).max(10),
  request: z.string().max(8_192),
})
export type Joining = z.infer<typeof joining>

/** What it gets. */
export const admitted = z.object({
  clusterId: z.string(),
  nodeId: z.number().int().positive(),
  certificate: z.string(),
  bundle: z.string(),
  clusterKey: z.string().nullable(),
})
export type Admitted = z.infer<typeof admitted>
