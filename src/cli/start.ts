import { VERSION } from './version.ts'

const FAILED = 1

// A reader that goes away (`gantry tasks | head -1`) has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  unwritten(error)
})
// Nobody reads what is said: that changes nothing about what is done.
process.stderr.on('error', () => undefined)

run(process.argv.slice(2)).then(end, unwritten)

async function run(words: readonly string[]): Promise<number> {
  // The commonest question of scripts is answered without loading anything.
  if (words.length === 1 && (words[0] === 'version' || words[0] === '--version')) {
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  const { main } = await import('./main.ts')
  return main(words)
}

/** Ends at once, once all is written: to wait until every connection is taken apart costs a listing milliseconds. */
function end(code: number): void {
  if (process.stdout.writableLength === 0) process.exit(code)
  // Should all be written without a `drain`, the process ends by itself, with the same code.
  process.exitCode = code
  process.stdout.once('drain', () => process.exit(code))
}

function unwritten(error: unknown): void {
  process.stderr.write(
    `Error: the result cannot be written: ${error instanceof Error ? error.message : String(error)}\n`,
  )
  process.exit(FAILED)
}
