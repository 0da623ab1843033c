import { type BackupHeader, type BackupKey, type BackupRecord, backupLines, type Digest } from '../core/backup/form.ts'
import { readHeader } from '../core/backup/read.ts'
import { OperationalError } from '../core/errors.ts'
import { clusterOf } from '../core/incarnation/raise.ts'
import { AUTHORITY_KEY } from '../core/model/objects.ts'
import type { BackupView } from '../core/model/view.ts'
import type { BackupShelf, KeptBackup } from '../ports/backup-shelf.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import type { AdmissionDeps } from './admission.ts'

/** What backups are made with. */
export interface BackupTools {
  readonly digest: Digest
  /** Where this server keeps them. */
  readonly shelf: BackupShelf
}

export interface BackupDeps {
  readonly store: Store
  readonly clock: Clock
  readonly backups: BackupTools
  /** null: the cluster has no cluster key. */
  readonly backupKey: () => BackupKey | null
  readonly version: string
}

/** What proves that this cluster made a backup; null: it has no cluster key. */
export function backupKeyOf({ certifier, world }: AdmissionDeps): BackupKey | null {
  const authority = world.mirror.get(AUTHORITY_KEY)?.value
  return authority === undefined ? null : (certifier?.backupKey(authority) ?? null)
}

/** Everything that the store holds at one revision, as the lines of a backup; nobody waits for it meanwhile. */
export async function backUp(deps: BackupDeps): Promise<{ header: BackupHeader; lines: Iterable<string> }> {
  const { store, clock, backups, version } = deps
  const { revision, records } = await store.load()
  const { id, name, incarnation } = clusterOf(records)
  const key = deps.backupKey()
  const header: BackupHeader = {
    gantry: 'backup',
    format: 1,
    clusterId: id,
    clusterName: name,
    incarnation,
    storeRevision: revision,
    createdAt: clock.now(),
    records: records.length,
    version,
    store: store.kind,
    keyId: key?.id ?? null,
  }
  return { header, lines: backupLines(header, inOrder(records), backups.digest, key) }
}

/** Makes a backup and keeps it at this server. Without a name it is called by the incarnation and the revision. */
export async function createBackup(name: string | null, deps: BackupDeps): Promise<BackupView> {
  const { header, lines } = await backUp(deps)
  const called = name ?? `${header.clusterName}-${header.incarnation}-${header.storeRevision}`
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(called)) {
    throw new OperationalError('USAGE', `cannot call a backup ${JSON.stringify(called)}`, {
      hint: 'use letters, digits, dots, dashes and underscores, 100 at most; give one with --name',
    })
  }
  return viewOf(await deps.backups.shelf.put(called, lines), header)
}

/** The backups that this server keeps, the newest first. Files that are none are passed over. */
export async function listBackups({ backups }: Pick<BackupDeps, 'backups'>): Promise<readonly BackupView[]> {
  const kept = await backups.shelf.list()
  const views = kept.flatMap((backup) => {
    const header = readHeader(backup.firstLine, backups.digest)
    return header === null ? [] : [viewOf(backup, header)]
  })
  return views.sort((a, b) => b.createdAt - a.createdAt || b.storeRevision - a.storeRevision)
}

function viewOf({ name, path, sizeBytes }: KeptBackup, header: BackupHeader): BackupView {
  const { clusterId, clusterName, incarnation, storeRevision, records, createdAt, version, store } = header
  return {
    name,
    path,
    sizeBytes,
    clusterId,
    clusterName,
    incarnation,
    storeRevision,
    records,
    createdAt,
    version,
    store,
  }
}

/** In the order of the form, which stores may see otherwise. */
function inOrder(records: readonly BackupRecord[]): readonly BackupRecord[] {
  return [...records].sort((a, b) => (a.key < b.key ? -1 : 1))
}
