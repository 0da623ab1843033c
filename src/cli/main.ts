import { OperationalError } from '../core/errors.ts'
import { contextOf } from './context.ts'
import { type Globals, takeGlobals } from './globals.ts'
import { failureJson, failureText } from './render/failure.ts'
import { styleFor } from './render/style.ts'

declare const GANTRY_VERSION: string | undefined

const VERSION = typeof GANTRY_VERSION === 'string' ? GANTRY_VERSION : '0.0.0-source'
const INTERNAL = 127

/** Runs one command line; returns the code to end with. */
export async function main(argv: readonly string[]): Promise<number> {
  // The commonest question of scripts is answered without loading anything.
  if (argv.length === 1 && (argv[0] === 'version' || argv[0] === '--version')) {
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  const warn = (line: string): void => void process.stderr.write(`Warning: ${line}\n`)
  let globals: Globals | null = null
  try {
    const taken = takeGlobals(argv, process.env, warn)
    globals = taken.globals
    const context = contextOf(globals, VERSION)
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

// A reader that goes away (`gantry tasks | head -1`) has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
// Nobody reads what is said: that changes nothing about what is done.
process.stderr.on('error', () => undefined)

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exitCode = INTERNAL
  },
)
