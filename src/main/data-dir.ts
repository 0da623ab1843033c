import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { OperationalError } from '../core/errors.ts'

/** Others may pass through it, as the programs of tasks do with users of their own; they cannot look. */
const MODE = 0o711

/** Makes the data directory, and what leads to it, unless it is there. Throws CONFIG_INVALID when it cannot be. */
export function makeDataDir(path: string): void {
  try {
    if (existsSync(path)) {
      if (!statSync(path).isDirectory()) throw new Error('it is not a directory')
      return
    }
    // One by one: a recursive call of Node never returns where the kernel says that the parent is not there (/proc).
    const missing: string[] = []
    for (let at = path; !existsSync(at); at = dirname(at)) missing.unshift(at)
    for (const directory of missing) mkdirSync(directory, { mode: MODE })
  } catch (error) {
    throw new OperationalError('CONFIG_INVALID', `${path} cannot be the data directory: ${(error as Error).message}`, {
      hint: 'name another one with --data or GANTRY_DATA',
      cause: error,
    })
  }
}
