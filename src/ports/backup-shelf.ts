/** A backup as it is kept. */
export interface KeptBackup {
  readonly name: string
  readonly path: string
  readonly sizeBytes: number
  /** Its first line, which says what it is. */
  readonly firstLine: string
}

/** Where a server keeps backups: on its own disk, never in the store that they are of. */
export interface BackupShelf {
  /** Writes one, whole or not at all, so that it survives a loss of power. Throws ALREADY_EXISTS, STORE_FULL. */
  put(name: string, lines: Iterable<string>): Promise<KeptBackup>
  /** Those that are kept, in no order. */
  list(): Promise<readonly KeptBackup[]>
}
