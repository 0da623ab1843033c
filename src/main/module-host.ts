import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { constants, Script } from 'node:vm'
import { OperationalError } from '../core/errors.ts'

/**
 * Loads an ES module from disk and calls its default export with the remaining words; the result is the exit code. The
 * single executable is one script that cannot import files by itself, so the import runs in a script of its own that
 * uses Node's loader.
 */
export async function runModule(words: readonly string[]): Promise<number> {
  const [file, ...args] = words
  if (file === undefined) throw new OperationalError('USAGE', 'name a module to run')
  const load = new Script('(url) => import(url)', {
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const importModule = load.runInThisContext() as (
    url: string,
  ) => Promise<{ default?: (words: readonly string[]) => unknown }>
  const { default: run } = await importModule(pathToFileURL(resolve(file)).href)
  if (typeof run !== 'function')
    throw new OperationalError('CONFIG_INVALID', `${file} has no function as its default export`)
  const result = await run(args)
  return typeof result === 'number' ? result : 0
}
