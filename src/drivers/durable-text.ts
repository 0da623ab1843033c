import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OperationalError } from '../core/errors.ts'
import { fileFailure } from '../lib/file-failure.ts'
import type { DurableText } from '../ports/host.ts'

/**
 * Keeps one small text in a file of mode 0600, whose directory is made when it is missing. Writes are carried out in
 * the order in which they were asked for; one that resolved survives a loss of power.
 */
export function durableText(path: string): DurableText {
  let last: Promise<void> = Promise.resolve()
  return {
    read: () => readText(path),
    write: (text) => {
      const result = last.then(() => replaceFile(path, text))
      // The next write must not fail because this one did.
      last = result.catch(() => undefined)
      return result
    },
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isAbsent(error)) return null
    throw new OperationalError('STORE_CORRUPT', `cannot read ${path}: ${fileFailure(errorCode(error))}`, {
      cause: error,
    })
  }
}

/** Whether this failure says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR'
}

/**
 * Replaces a file whole or not at all, so that the new content survives a loss of power once this resolves. Throws STORE_FULL where
 * there is no room, UNAVAILABLE for what else keeps it from being written.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  try {
    await replace(path, text)
  } catch (error) {
    throw notWritten(path, error)
  }
}

/** What a failure to write a file is told as. */
export function notWritten(path: string, cause: unknown): OperationalError {
  return isDiskFull(cause)
    ? new OperationalError('STORE_FULL', `cannot write ${path}: its disk is full`, { cause })
    : new OperationalError('UNAVAILABLE', `cannot write ${path}: ${fileFailure(errorCode(cause))}`, { cause })
}

/** Whether something failed for want of room. */
export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(errorCode(error))
}

async function replace(path: string, text: string): Promise<void> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(directory)
}

/** Makes the names in a directory survive a loss of power. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** The system's short name of a failure, such as ENOENT. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return typeof code === 'string' ? code : String(error)
}
