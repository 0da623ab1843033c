import { resolve } from 'node:path'
import { isSea } from 'node:sea'

/** With which words this very program is started again, from wherever. */
export function programWords(): readonly string[] {
  return isSea() ? [process.execPath] : [process.execPath, ...process.execArgv, resolve(process.argv[1] ?? '')]
}
