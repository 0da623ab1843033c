import { OperationalError } from '../core/errors.ts'
import type { RevisionProgress, ServiceView } from '../core/model/view.ts'
import type { Client } from '../transport/client.ts'
import type { Context } from './context.ts'

/** Progress is asked for so often: quick enough to look alive, rare enough to cost nothing. */
const POLL_MS = 100
const LAST_LINES = 5

/** Waits until a manifest revision has ended, showing progress, and sets the exit code to the truth. */
export async function waitForRevision(
  revision: number,
  timeoutMs: number,
  context: Context,
): Promise<RevisionProgress> {
  const client = context.client()
  const progress = await follow(client, revision, timeoutMs, context)
  const { state, message } = progress.revision
  if (state === 'applied') context.say(context.err.good(`Manifest ${revision} is applied.`))
  else if (state === 'progressing') {
    context.say(
      `Manifest ${revision} is not reached after ${timeoutMs / 1_000} s; it goes on. Watch it with: gantry events -f`,
    )
    context.exitCode = 1
  } else if (state === 'superseded') {
    context.say(context.err.warning(`Manifest ${revision} is superseded: ${message}.`))
    context.exitCode = 5
  } else {
    context.say(context.err.bad(`Manifest ${revision} failed: ${message}.`))
    await tellFailures(client, progress.services, context)
    context.exitCode = 1
  }
  return progress
}

async function follow(
  client: Client,
  revision: number,
  timeoutMs: number,
  context: Context,
): Promise<RevisionProgress> {
  const shown = new Map<string, string>()
  const interrupted = new AbortController()
  const onInterrupt = (): void => interrupted.abort()
  process.once('SIGINT', onInterrupt)
  try {
    for (const deadline = Date.now() + timeoutMs; ; ) {
      const progress = await client.progress(revision)
      for (const service of progress.services) tellProgress(service, shown, context)
      if (progress.revision.state !== 'progressing' || Date.now() >= deadline) return progress
      if (interrupted.signal.aborted) {
        throw new OperationalError('TIMEOUT', `interrupted; manifest ${revision} goes on without this command`, {
          hint: 'gantry events -f shows it, gantry rollback goes back',
        })
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  } finally {
    process.removeListener('SIGINT', onInterrupt)
  }
}

function tellProgress(
  { name, ready, replicas, message, health }: ServiceView,
  shown: Map<string, string>,
  context: Context,
): void {
  const state = health === 'healthy' ? context.err.good('healthy') : message
  const line = `  ${name}: ${ready} of ${replicas} ready${state === '' ? '' : `, ${state}`}`
  if (shown.get(name) === line) return
  shown.set(name, line)
  context.say(line)
}

/** Why each service did not get there, and the last words of its tasks. */
async function tellFailures(client: Client, services: readonly ServiceView[], context: Context): Promise<void> {
  for (const { name, health, message } of services) {
    if (health === 'healthy' || health === 'paused') continue
    context.say(`  ${name}: ${message}`)
    const query = { follow: false, tail: LAST_LINES, since: null }
    try {
      for await (const line of client.serviceLogs(name, query, AbortSignal.timeout(2_000))) {
        context.say(context.err.quiet(`    ${line.task} | ${line.text}`))
      }
    } catch (error) {
      // Logs are an extra: a task without a container has none.
      if (!(error instanceof OperationalError)) throw error
    }
  }
}
