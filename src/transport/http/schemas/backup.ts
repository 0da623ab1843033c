import * as z from 'zod'
import type { BackupView } from '../../../core/model/view.ts'
import { count, instant, named, text } from './named.ts'

export const backupView: z.ZodType<BackupView> = named(
  'Backup',
  z.strictObject({
    name: text,
    path: z.string().describe('The file, at the server that keeps it.'),
    sizeBytes: count,
    clusterId: text,
    clusterName: text,
    incarnation: count,
    storeRevision: count,
    records: z.number().describe('Objects in it.'),
    createdAt: instant,
    version: text,
    store: z.string().describe('Where the state was: `sqlite`, `etcd`, ...'),
  }),
  'A backup of the whole state.',
)
