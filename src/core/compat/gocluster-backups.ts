import type { BackupView } from '../model/view.ts'

/** A backup as programs written for GoCluster know it. */
export interface GoclusterBackup {
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly created_at: string
}

/** Says what is kept in GoCluster's words. */
export function goclusterBackup(
  { name, sizeBytes, createdAt }: BackupView,
  iso: (at: number) => string,
): GoclusterBackup {
  return { name, size: sizeBytes, created_at: iso(createdAt) }
}
