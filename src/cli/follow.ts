import { OperationalError } from '../core/errors.ts'
import type { Context } from './context.ts'

const INTERRUPTED = 130

/** Writes each item of a stream as a line until it ends or the user interrupts, which is how following ends. */
export async function follow<T>(
  context: Context,
  open: (signal: AbortSignal) => AsyncIterable<T>,
  lineOf: (item: T) => string,
): Promise<void> {
  const stop = new AbortController()
  const onInterrupt = (): void => {
    context.exitCode = INTERRUPTED
    stop.abort(new OperationalError('TIMEOUT', 'interrupted'))
  }
  process.once('SIGINT', onInterrupt)
  try {
    for await (const item of open(stop.signal)) await write(context.globals.json ? JSON.stringify(item) : lineOf(item))
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    process.removeListener('SIGINT', onInterrupt)
  }
}

/** Writes a line and waits while the reader is slow. */
function write(line: string): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.write(`${line}\n`)) resolve()
    else process.stdout.once('drain', resolve)
  })
}
