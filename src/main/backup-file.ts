import { readFile, rm } from 'node:fs/promises'
import type { BackupHeader, BackupKey, BackupRecord } from '../core/backup/form.ts'
import { type Authenticity, readBackup } from '../core/backup/read.ts'
import { OperationalError } from '../core/errors.ts'
import { backupKey, sha256 } from '../drivers/backup-digest.ts'
import { writeBackup } from '../drivers/backup-files.ts'
import { errorCode } from '../drivers/durable-text.ts'
import { IdentityFiles } from '../drivers/pki/identity-files.ts'
import { fileFailure } from '../lib/file-failure.ts'
import type { Snapshot } from '../ports/store.ts'
import { readSecret } from './secret-files.ts'

/** A backup that can be used. */
export interface SoundBackup {
  readonly path: string
  readonly header: BackupHeader
  readonly records: readonly BackupRecord[]
  readonly authenticity: Authenticity
}

/** The cluster key of this machine; null: it is no server of a cluster of machines. Throws STORE_CORRUPT, CONFIG_INVALID. */
export async function clusterKeyIn(dataDir: string): Promise<Buffer | null> {
  return new IdentityFiles(dataDir).readClusterKey()
}

/** The cluster keys for a restore: the one that the backup's cluster had, and the one that it goes on with here. Throws as `clusterKeyIn` and `keyInCopy` do. */
export async function restoreKeys(
  dataDir: string,
  file: string | null,
): Promise<{ readonly before: Buffer | null; readonly after: Buffer | null }> {
  const own = await clusterKeyIn(dataDir)
  const before = file === null ? own : keyInCopy(file)
  return { before, after: own ?? before }
}

/** The cluster key in a copy of a server’s file. Throws CONFIG_INVALID for one that holds none. */
export function keyInCopy(file: string): Buffer {
  // Of a copy from the middle of a change the first is the one that sealed.
  const [given = ''] = readSecret(file, 'the cluster key').split('\n')
  if (/^[0-9a-f]{64}$/.test(given)) return Buffer.from(given, 'hex')
  throw new OperationalError('CONFIG_INVALID', `${file} is no copy of a cluster.key: it does not hold 64 hex digits`)
}

/** Reads a backup to its end. Throws BACKUP_INVALID, saying what is wrong and where, and USAGE for a file that is not there. */
export async function readBackupFile(path: string, clusterKey: Buffer | null): Promise<SoundBackup> {
  const text = await readText(path)
  const key: BackupKey | null = clusterKey === null ? null : backupKey(clusterKey)
  const reading = readBackup(text, sha256, key)
  if (reading.kind === 'sound') return { path, ...reading }
  throw new OperationalError('BACKUP_INVALID', `${path} cannot be used: line ${reading.line}: ${reading.message}`, {
    hint: HINTS[reading.kind],
  })
}

const HINTS = {
  truncated: 'take another backup; this one was not written or copied to its end',
  damaged: 'take another backup; what this one says cannot be believed',
  foreign:
    'take a backup of this cluster; the key that made it belongs into identity/cluster.key of the data directory, or its copy is named with --cluster-key-file',
  newer: 'use the newer Gantry',
} as const

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new OperationalError('USAGE', `${path} cannot be read: ${fileFailure(errorCode(cause))}`, { cause })
  }
}

/**
 * Writes a backup that comes from a server, and reads it again. Throws as writing a file does, and BACKUP_INVALID when what
 * came is not whole; then there is no file.
 */
export async function keepBackupAt(path: string, lines: AsyncIterable<string>): Promise<SoundBackup> {
  await writeBackup(path, lines)
  try {
    return await readBackupFile(path, null)
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

/** A backup as a state. */
export function stateIn({ header, records }: SoundBackup): Snapshot {
  return { revision: header.storeRevision, records }
}

/** When a backup was made, for people. */
export function madeAt({ createdAt }: Pick<BackupHeader, 'createdAt'>): string {
  return new Date(createdAt).toISOString()
}
