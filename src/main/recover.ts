import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { listBackups } from '../control/backups.ts'
import { OperationalError } from '../core/errors.ts'
import { missingParts } from '../core/incarnation/missing.ts'
import { sha256 } from '../drivers/backup-digest.ts'
import { backupFiles } from '../drivers/backup-files.ts'
import { storeFiles } from '../drivers/etcd/store-files.ts'
import type { Snapshot } from '../ports/store.ts'
import { readBackupFile, stateIn } from './backup-file.ts'
import { hasOtherStore } from './managed-etcd/lone-member.ts'

/** A state to go on with. */
export interface Recoverable {
  /** For people. */
  readonly from: string
  readonly state: Snapshot
}

export interface Recovery {
  /** Why the state cannot be used; null: it is sound, or not known to be otherwise, and there is nothing to recover. */
  readonly fault: string | null
  /** What is gone on with: of what can be read and the backups, that which knows most. null: there is nothing. */
  readonly best: Recoverable | null
  /** What else there is, and why it is not taken. */
  readonly passedOver: readonly string[]
}

/**
 * Looks for a state to go on with when the state file of a data directory is damaged or lost: the file itself, as far as it
 * can be read, and the backups in the data directory; with `backup` only that one. Throws PREREQUISITE while a server
 * uses the file, BACKUP_INVALID for a given backup that cannot be used.
 */
export async function lookForState(
  dataDir: string,
  backup: string | null,
  clusterKey: Buffer | null,
): Promise<Recovery> {
  const path = join(dataDir, 'state.db')
  const fault = await faultOf(path)
  if (fault === null) return { fault, best: null, passedOver: [] }
  if (backup !== null) return { fault, best: fromBackup(await readBackupFile(backup, clusterKey)), passedOver: [] }
  return best(fault, await salvage(path, clusterKey !== null), dataDir, clusterKey)
}

/**
 * The same for a server that ran etcd, and whose etcd has lost its data; with `backup` also for one that has some, which
 * gives way: nobody can tell from outside whether it is of any use.
 */
export async function lookForBackup(
  dataDir: string,
  backup: string | null,
  clusterKey: Buffer | null,
): Promise<Recovery> {
  const { dataDir: directory } = storeFiles(dataDir)
  const isThere = await hasOtherStore(dataDir)
  if (isThere && backup === null) return { fault: null, best: null, passedOver: [] }
  const fault = isThere ? `What etcd keeps in ${directory} gives way` : `etcd keeps nothing in ${directory}`
  if (backup !== null) return { fault, best: fromBackup(await readBackupFile(backup, clusterKey)), passedOver: [] }
  return best(fault, null, dataDir, clusterKey)
}

async function best(
  fault: string,
  salvaged: Recoverable | string | null,
  dataDir: string,
  clusterKey: Buffer | null,
): Promise<Recovery> {
  const passedOver: string[] = typeof salvaged === 'string' ? [salvaged] : []
  const found: Recoverable[] = salvaged === null || typeof salvaged === 'string' ? [] : [salvaged]
  for (const { path: file } of await listBackups({
    backups: { digest: sha256, shelf: backupFiles(join(dataDir, 'backups')) },
  })) {
    try {
      found.push(fromBackup(await readBackupFile(file, clusterKey)))
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      passedOver.push(error.message)
    }
  }
  const [best = null, ...others] = found.sort((a, b) => b.state.revision - a.state.revision)
  return { fault, best, passedOver: [...passedOver, ...others.map(({ from }) => `${from} is older`)] }
}

async function faultOf(path: string): Promise<string | null> {
  const { checkStateFile } = await import('../store/sqlite-check.ts')
  try {
    if (checkStateFile(path) === null) return `${path} is not there`
    return null
  } catch (error) {
    if (error instanceof OperationalError && error.code === 'STORE_CORRUPT') return error.message
    throw error
  }
}

/** A sentence when it is of no use. */
async function salvage(path: string, hasAuthority: boolean): Promise<Recoverable | string> {
  const { salvageStateFile } = await import('../store/sqlite-salvage.ts')
  const read = salvageStateFile(path)
  if (read === null) return existsSync(path) ? `nothing can be read of ${path}` : `${path} is not there`
  const missing = missingParts(read.state.records, hasAuthority)
  if (missing.length > 0) return `${path} lacks ${missing.slice(0, 3).join(', ')}, without which nobody can go on`
  const lost =
    read.damaged.length === 0 ? '' : `, ${read.damaged.length} are damaged (${read.damaged.slice(0, 3).join(', ')})`
  const parts = read.isWhole ? '' : ', parts cannot be read'
  return { from: `what can be read of ${path}: ${read.state.records.length} objects${lost}${parts}`, state: read.state }
}

function fromBackup(backup: Awaited<ReturnType<typeof readBackupFile>>): Recoverable {
  return { from: `the backup ${backup.path}, storeRevision ${backup.header.storeRevision}`, state: stateIn(backup) }
}
