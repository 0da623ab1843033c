import { randomBytes } from 'node:crypto'
import { type FileHandle, link, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OperationalError } from '../core/errors.ts'
import { fileFailure } from '../lib/file-failure.ts'
import type { BackupShelf, KeptBackup } from '../ports/backup-shelf.ts'
import { errorCode, isAbsent, isDiskFull, syncDirectory } from './durable-text.ts'

/** What the names of backups end with. */
export const BACKUP_SUFFIX = '.gantry'
/** No header is longer. */
const FIRST_LINE_BYTES = 4_096
/** So much is written at once. */
const CHUNK_CHARACTERS = 1_000_000

/** Backups as files of mode 0600 in one directory, which is made when it is needed. */
export function backupFiles(directory: string): BackupShelf {
  const pathOf = (name: string): string => join(directory, `${name}${BACKUP_SUFFIX}`)
  return {
    put: async (name, lines) => {
      await writeBackup(pathOf(name), lines)
      return look(name, pathOf(name))
    },
    list: async () => {
      const names = await readdir(directory).catch((error: unknown) => {
        if (isAbsent(error)) return []
        throw error
      })
      const ours = names
        .filter((name) => name.endsWith(BACKUP_SUFFIX))
        .map((name) => name.slice(0, -BACKUP_SUFFIX.length))
      return Promise.all(ours.map((name) => look(name, pathOf(name))))
    },
  }
}

/**
 * Writes a file whole or not at all, of mode 0600, so that it survives a loss of power once this resolves. Throws
 * ALREADY_EXISTS when there is one of that name, STORE_FULL, and CONFIG_INVALID when it cannot be written.
 */
export async function writeBackup(path: string, lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
  try {
    await makeDirectory(dirname(path))
    await writeWhole(path, lines)
  } catch (cause) {
    throw cause instanceof OperationalError ? cause : notWritten(path, errorCode(cause), cause)
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const why = fileFailure(errorCode(cause))
    throw new OperationalError('CONFIG_INVALID', `cannot make the directory ${path} for backups: ${why}`, { cause })
  }
}

async function writeWhole(path: string, lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await writeLines(file, lines)
      await file.sync()
    } finally {
      await file.close()
    }
    // Unlike a new name for it, a link is refused where a file is.
    await link(temporary, path)
    await syncDirectory(dirname(path))
  } finally {
    await rm(temporary, { force: true })
  }
}

async function writeLines(file: FileHandle, lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
  let waiting = ''
  for await (const line of lines) {
    waiting += line
    if (waiting.length < CHUNK_CHARACTERS) continue
    await file.write(waiting)
    waiting = ''
  }
  await file.write(waiting)
}

async function look(name: string, path: string): Promise<KeptBackup> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0)
    const [firstLine = ''] = buffer.toString('utf8', 0, bytesRead).split('\n')
    return { name, path, sizeBytes: (await stat(path)).size, firstLine }
  } finally {
    await file.close()
  }
}

function notWritten(path: string, code: string, cause: unknown): OperationalError {
  if (code === 'EEXIST') {
    return new OperationalError('ALREADY_EXISTS', `there is a file ${path} already`, { hint: 'choose another name' })
  }
  if (isDiskFull(cause)) {
    return new OperationalError('STORE_FULL', `cannot write the backup ${path}: the disk is full`, { cause })
  }
  return new OperationalError('CONFIG_INVALID', `cannot write the backup ${path}: ${fileFailure(code)}`, { cause })
}
