import type { BackupView } from '../../core/model/view.ts'
import { age } from './age.ts'
import type { Format } from './format.ts'
import { table } from './table.ts'

const UNITS = ['B', 'kB', 'MB', 'GB'] as const

/** Backups, one line each. */
export function backupsText(backups: readonly BackupView[], { width, now }: Format): string {
  if (backups.length === 0) return 'No backups.'
  const rows = backups.map((backup) => [
    backup.name,
    `${age(backup.createdAt, now)} ago`,
    sizeText(backup.sizeBytes),
    String(backup.incarnation),
    String(backup.storeRevision),
    String(backup.records),
    backup.path,
  ])
  return table(['NAME', 'MADE', 'SIZE', 'INCARNATION', 'REVISION', 'OBJECTS', 'FILE'], rows, width)
}

function sizeText(bytes: number): string {
  const power = bytes < 1_000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3))
  const amount = bytes / 1_000 ** power
  return `${power === 0 ? amount : amount.toFixed(1)} ${UNITS[power]}`
}
