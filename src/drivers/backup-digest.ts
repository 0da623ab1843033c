import { createHash, createHmac } from 'node:crypto'
import type { BackupKey, Digest } from '../core/backup/form.ts'
import { clusterKeyId, purposeKey } from './pki/seal.ts'

/** SHA-256. */
export const sha256: Digest = (text) => createHash('sha256').update(text).digest('hex')

/** Authenticates backups with a key that follows from the cluster key (HMAC-SHA-256). */
export function backupKey(clusterKey: Buffer): BackupKey {
  const key = purposeKey(clusterKey, 'backup')
  return { id: clusterKeyId(clusterKey), code: (text) => createHmac('sha256', key).update(text).digest('hex') }
}
