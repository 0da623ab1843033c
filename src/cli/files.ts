import { readFileSync } from 'node:fs'
import { OperationalError } from '../core/errors.ts'

/** Reads a file that the user named; `-` is standard input. */
export function readInput(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const reason = { ENOENT: 'there is no such file', EISDIR: 'it is a directory' }[code] ?? message
    throw new OperationalError('USAGE', `${path} cannot be read: ${reason}`, { cause: error })
  }
}
