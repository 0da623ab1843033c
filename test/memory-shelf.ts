import type { BackupTools } from '../src/control/backups.ts'
import { OperationalError } from '../src/core/errors.ts'
import { sha256 } from '../src/drivers/backup-digest.ts'
import type { BackupShelf, KeptBackup } from '../src/ports/backup-shelf.ts'

/** Keeps backups for as long as the test lasts. `texts` has what was written. */
export function memoryShelf(): BackupShelf & { readonly texts: ReadonlyMap<string, string> } {
  const texts = new Map<string, string>()
  const look = (name: string): KeptBackup => {
    const text = texts.get(name) ?? ''
    return { name, path: `/backups/${name}`, sizeBytes: text.length, firstLine: text.split('\n')[0] ?? '' }
  }
  return {
    texts,
    put: async (name, lines) => {
      if (texts.has(name)) throw new OperationalError('ALREADY_EXISTS', `there is a file ${name} already`)
      texts.set(name, [...lines].join(''))
      return look(name)
    },
    list: async () => [...texts.keys()].map(look),
  }
}

/** What a server under test makes backups with. */
export function backupTools(): BackupTools {
  return { digest: sha256, shelf: memoryShelf() }
}
