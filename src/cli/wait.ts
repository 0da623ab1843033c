import { OperationalError } from '../core/errors.ts'
import type { RevisionProgress } from '../core/model/view.ts'
import type { Client } from '../transport/client.ts'
import type { Context } from './context.ts'
import { tellFailures } from './failures.ts'
import { presenterFor } from './presenter.ts'
import { progressLines } from './render/progress.ts'

/** Progress is asked for so often: quick enough to look alive, rare enough to cost nothing. */
const POLL_MS = 100
/** A server that restarts is back within that time. */
const PATIENCE_MS = 15_000
const INTERRUPTED = 130
const SUPERSEDED = 5

/** Waits until a manifest revision has ended, showing progress, and sets the exit code to the truth. */
export async function waitForRevision(
  revision: number,
  timeoutMs: number,
  context: Context,
): Promise<RevisionProgress> {
  const client = context.client()
  const interrupted = new AbortController()
  const onInterrupt = (): void => interrupted.abort()
  process.once('SIGINT', onInterrupt)
  try {
    const progress = await follow(client, revision, Date.now() + timeoutMs, interrupted.signal, context)
    await conclude(progress, timeoutMs, interrupted.signal.aborted, context)
    return progress
  } finally {
    process.removeListener('SIGINT', onInterrupt)
  }
}

async function conclude(
  progress: RevisionProgress,
  timeoutMs: number,
  interrupted: boolean,
  context: Context,
): Promise<void> {
  const { number, state, message } = progress.revision
  switch (state) {
    case 'applied':
      context.say(context.err.good(`Manifest ${number} is applied.`))
      return
    case 'superseded':
      context.say(context.err.warning(`Manifest ${number} is superseded: ${message}.`))
      context.exitCode = SUPERSEDED
      return
    case 'failed':
      context.say(context.err.bad(`Manifest ${number} failed: ${message}.`))
      await tellFailures(progress.services, context)
      context.exitCode = 1
      return
    default: {
      const why = interrupted ? 'Interrupted' : `Not reached within ${timeoutMs / 1_000} s`
      context.say(context.err.warning(`${why}: manifest ${number} goes on without this command.`))
      context.say('Try: `gantry services` or `gantry events -f` to watch it, `gantry rollback` to go back')
      context.exitCode = interrupted ? INTERRUPTED : 1
    }
  }
}

/** The last progress that was seen: an ended one, or the one at the deadline or interrupt. */
async function follow(
  client: Client,
  revision: number,
  deadline: number,
  signal: AbortSignal,
  context: Context,
): Promise<RevisionProgress> {
  const show = presenterFor(context)
  for (let heardAt = Date.now(), last: RevisionProgress | null = null; ; ) {
    try {
      last = await client.progress(revision)
      heardAt = Date.now()
      show(progressLines(last, context.err), last.revision.state !== 'progressing')
    } catch (error) {
      const gone = Date.now() - heardAt
      if (last === null || !isPassing(error)) throw error
      if (gone > PATIENCE_MS) throw lostSight(error, revision)
    }
    const over = last.revision.state !== 'progressing' && last.revision.state !== 'staged'
    if (over || signal.aborted || Date.now() >= deadline) return last
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

function lostSight({ code, message }: OperationalError, revision: number): OperationalError {
  return new OperationalError(code, `${message}; manifest ${revision} was accepted and goes on`, {
    hint: '`gantry services` shows how far it has come, once the server is back',
  })
}

function isPassing(error: unknown): error is OperationalError {
  return error instanceof OperationalError && (error.code === 'UNAVAILABLE' || error.code === 'NOT_LEADER')
}
