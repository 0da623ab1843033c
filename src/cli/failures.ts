import { OperationalError } from '../core/errors.ts'
import type { ServiceView } from '../core/model/view.ts'
import type { Context } from './context.ts'
import { printable } from './render/table.ts'

const LAST_LINES = 5
const LINES_WITHIN_MS = 2_000

/** Says why each service did not get there, with the last words of its tasks. */
export async function tellFailures(services: readonly ServiceView[], context: Context): Promise<void> {
  for (const { name, health, message } of services) {
    if (health === 'healthy' || health === 'paused') continue
    context.say(`  ${name}: ${message}`)
    for (const line of await lastWords(name, context)) context.say(context.err.quiet(`    ${line}`))
  }
  context.say('Try: `gantry explain SERVICE` for what led there, `gantry rollback` to go back')
}

async function lastWords(service: string, context: Context): Promise<readonly string[]> {
  const query = { follow: false, tail: LAST_LINES, since: null }
  const lines: string[] = []
  try {
    const stream = context.client().serviceLogs(service, query, AbortSignal.timeout(LINES_WITHIN_MS))
    for await (const { task, text } of stream) lines.push(`${task} | ${printable(text)}`)
  } catch (error) {
    // What tasks have printed is an extra: one without a container has printed nothing.
    if (!(error instanceof OperationalError)) throw error
  }
  return lines
}
