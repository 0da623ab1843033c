import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { OperationalError } from '../core/errors.ts'
import { whyNoDirectory } from '../drivers/directory-place.ts'
import { errorCode } from '../drivers/durable-text.ts'
import { fileFailure } from '../lib/file-failure.ts'

/** Others may pass through it, as the programs of tasks do with users of their own; they cannot look. */
const MODE = 0o711

/** Throws CONFIG_INVALID when nothing could be kept at this path; makes nothing. */
export function requireDataPlace(path: string): void {
  const why = whyNoDirectory(path)
  if (why !== null) throw refusal(path, why)
}

/** Makes the data directory, and what leads to it, unless it is there. Throws CONFIG_INVALID when it cannot be. */
export function makeDataDir(path: string): void {
  requireDataPlace(path)
  try {
    // One by one: a recursive call of Node never returns where the kernel says that the parent is not there (/proc).
    const missing: string[] = []
    for (let at = path; !existsSync(at); at = dirname(at)) missing.unshift(at)
    for (const directory of missing) mkdirSync(directory, { mode: MODE })
  } catch (error) {
    throw refusal(path, `it cannot be made: ${fileFailure(errorCode(error))}`, error)
  }
}

function refusal(path: string, why: string, cause?: unknown): OperationalError {
  return new OperationalError('CONFIG_INVALID', `${path} cannot be the data directory: ${why}`, {
    hint: 'name another one with --data or GANTRY_DATA',
    cause,
  })
}
