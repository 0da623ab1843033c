import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { constants, Script } from 'node:vm'
import { OperationalError } from '../core/errors.ts'

interface Loaded {
  readonly default?: unknown
}

/**
 * Loads an ES module from disk and calls its default export with the remaining words; a number that it returns is the
 * exit code. Throws NOT_FOUND without such a file, and CONFIG_INVALID when it cannot be loaded or exports no function.
 */
export async function runModule(words: readonly string[]): Promise<number> {
  const [file, ...args] = words
  if (file === undefined) throw new OperationalError('USAGE', 'name a module to run')
  if (!existsSync(file)) throw new OperationalError('NOT_FOUND', `there is no module ${file}`)
  const { default: run } = await load(file)
  if (typeof run !== 'function')
    throw new OperationalError('CONFIG_INVALID', `${file} has no function as its default export`)
  const result: unknown = await run(args)
  return typeof result === 'number' ? result : 0
}

/** The single executable cannot import files by itself, so a script that is compiled here, with Node's loader, does it. */
async function load(file: string): Promise<Loaded> {
  const script = new Script('(url) => import(url)', {
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const importModule = script.runInThisContext() as (url: string) => Promise<Loaded>
  try {
    return await importModule(pathToFileURL(resolve(file)).href)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperationalError('CONFIG_INVALID', `${file} cannot be loaded: ${reason}`, { cause })
  }
}
