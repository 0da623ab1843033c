import { type Client, createClient } from '../transport/client.ts'
import type { Globals } from './globals.ts'
import { findReach, type Reach } from './reach.ts'
import type { Format } from './render/format.ts'
import { type Style, styleFor } from './render/style.ts'

/** What a command works with. stdout is the result, stderr the progress. */
export interface Context {
  readonly globals: Globals
  readonly version: string
  /** Colours for stdout and stderr, each by what it is connected to. */
  readonly out: Style
  readonly err: Style
  readonly env: NodeJS.ProcessEnv
  /** Where commands go. Throws what `findReach` threw. */
  reach(): Reach
  client(): Client
  /** Prints a result: as it is with --json, else as the text that `show` makes of it; nothing where that is empty. */
  print<T>(value: T, show: (value: T, format: Format) => string): void
  say(line: string): void
  /** Code that the program ends with. */
  exitCode: number
}

/** Everything that follows from the global options and the process's streams. */
export async function contextOf(globals: Globals, version: string): Promise<Context> {
  // What is wrong with it is for commands that go somewhere.
  const found = await findReach(globals, process.env).then(
    (reach) => () => reach,
    (error: unknown) => (): never => {
      throw error
    },
  )
  const context: Context = {
    globals,
    version,
    out: styleFor(globals.color && process.stdout.isTTY === true),
    err: styleFor(globals.color && process.stderr.isTTY === true),
    env: process.env,
    reach: found,
    client: () => createClient(found().servers),
    print: (value, show) => {
      const format = { style: context.out, width: terminalWidth(), now: Date.now() }
      const text = globals.json ? JSON.stringify(value, null, 2) : show(value, format)
      if (text !== '') process.stdout.write(`${text}\n`)
    },
    say: (line) => {
      process.stderr.write(`${line}\n`)
    },
    exitCode: 0,
  }
  return context
}

/** Width of the terminal, 80 where it does not know it; wide when there is none, so that nothing is cut in files and pipes. */
function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : 1_000
}
