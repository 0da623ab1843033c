import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileFailure } from '../lib/file-failure.ts'
import { errorCode } from './durable-text.ts'

/** Why there is no directory at this path that files can be kept in, and none can be made; null: nothing speaks against it. */
export function whyNoDirectory(path: string): string | null {
  const at = nearest(path)
  try {
    if (!statSync(at).isDirectory()) return at === path ? 'it is no directory' : `${at} is no directory`
    accessSync(at, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    return at === path ? fileFailure(errorCode(error)) : `${at}: ${fileFailure(errorCode(error))}`
  }
}

/** The path, or the nearest one above it that is there. */
export function nearest(path: string): string {
  let at = path
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at)
  return at
}
