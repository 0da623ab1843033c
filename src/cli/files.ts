import { readFileSync } from 'node:fs'
import { OperationalError } from '../core/errors.ts'
import { fileFailure } from '../lib/file-failure.ts'

let standardInput: string | null = null

/** What standard input had, if it was read: there is nothing more to read in it. null: it was not. */
export function inputRead(): string | null {
  return standardInput
}

/** Reads a file that the user named; `-` is standard input, which is the same however often it is asked for. */
export function readInput(path: string): string {
  try {
    if (path !== '-') return readFileSync(path, 'utf8')
    standardInput ??= readFileSync(0, 'utf8')
    return standardInput
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new OperationalError('USAGE', `${path} cannot be read: ${fileFailure(code || message)}`, { cause: error })
  }
}
