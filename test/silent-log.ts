import type { Log } from '../src/ports/log.ts'

/** Keeps nothing of what is said. */
export const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}
