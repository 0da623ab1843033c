import { OperationalError } from '../core/errors.ts'
import { contextOf } from './context.ts'
import { type Globals, takeGlobals } from './globals.ts'
import { failureJson, failureText } from './render/failure.ts'
import { styleFor } from './render/style.ts'
import { VERSION } from './version.ts'

const INTERNAL = 127

/** Runs one command line; returns the code to end with. */
export async function main(argv: readonly string[]): Promise<number> {
  const warn = (line: string): void => void process.stderr.write(`Warning: ${line}\n`)
  let globals: Globals | null = null
  try {
    const taken = takeGlobals(argv, process.env, warn)
    globals = taken.globals
    const context = await contextOf(globals, VERSION)
    const { runCommand } = await import('./run.ts')
    await runCommand(taken.rest, context)
    return context.exitCode
  } catch (error) {
    return fail(error, globals, globals?.json ?? argv.includes('--json'))
  }
}

function fail(error: unknown, globals: Globals | null, json: boolean): number {
  const style = styleFor(globals?.color === true && process.stderr.isTTY === true)
  const text = json ? JSON.stringify(failureJson(error), null, 2) : failureText(error, style, globals?.debug === true)
  process.stderr.write(`${text}\n`)
  return error instanceof OperationalError ? error.traits.exit : INTERNAL
}
