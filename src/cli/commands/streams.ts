import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { Event } from '../../core/model/event.ts'
import type { TaskLogLine } from '../../transport/client.ts'
import type { Context } from '../context.ts'
import { printable } from '../render/table.ts'
import { seconds, wholeNumber } from '../values.ts'

const INTERRUPTED = 130

export function logsCommand(context: Context): Command {
  return new Command('logs')
    .description('what tasks print: all replicas in one stream, ended tasks too')
    .argument('<name>', 'service or task')
    .option('-f, --follow', 'go on with what comes')
    .option('-n, --tail <lines>', 'begin with the last lines of each task', wholeNumber)
    .option('--since <time>', 'only what is younger', seconds)
    .addHelpText(
      'after',
      '\nExamples:\n  gantry logs web -f\n  gantry logs web.2.1 --tail 20\n  gantry logs web --since 5m',
    )
    .action(async (name: string, options: { follow?: boolean; tail?: number; since?: number }) => {
      const query = {
        follow: options.follow === true,
        tail: options.tail ?? null,
        since: options.since === undefined ? null : Date.now() - options.since,
      }
      const client = context.client()
      const isTask = /\.\d+\.\d+$/.test(name)
      const lanes = new Map<string, number>()
      await untilInterrupted(context, async (signal) => {
        const lines = isTask ? client.taskLogs(name, query, signal) : client.serviceLogs(name, query, signal)
        for await (const line of lines)
          await write(context.globals.json ? JSON.stringify(line) : logText(line, lanes, isTask, context))
      })
    })
}

export function eventsCommand(context: Context): Command {
  return new Command('events')
    .description('what happened, with its cause')
    .option('-f, --follow', 'go on with what comes')
    .option('-s, --service <name>', 'only of this service')
    .option('--since <id>', 'only after this event')
    .option('-n, --limit <count>', 'at most so many, the newest', wholeNumber)
    .addHelpText('after', '\nExamples:\n  gantry events -f\n  gantry events --service web --limit 20')
    .action(async (options: { follow?: boolean; service?: string; since?: string; limit?: number }) => {
      const query = {
        after: options.since ?? null,
        service: options.service ?? null,
        object: null,
        limit: options.limit ?? null,
      }
      const client = context.client()
      if (options.follow !== true) {
        const events = await client.events(query)
        context.print(events, (list) => list.map((event) => eventText(event, context)).join('\n'))
        return
      }
      await untilInterrupted(context, async (signal) => {
        for await (const event of client.watchEvents(query, signal)) {
          await write(context.globals.json ? JSON.stringify(event) : eventText(event, context))
        }
      })
    })
}

export function explainCommand(context: Context): Command {
  return new Command('explain')
    .description('why something is as it is: now, and what led there')
    .argument('<object>', 'service, task, node/1 or manifest/3')
    .addHelpText('after', '\nExamples:\n  gantry explain web\n  gantry explain web.1.2')
    .action(async (object: string) => {
      const explanation = await context.client().explain(object)
      context.print(explanation, ({ summary, reasons, events }) =>
        [
          context.out.heading(summary),
          ...reasons.map((reason) => `  - ${reason}`),
          ...(events.length === 0
            ? []
            : ['', 'What led there:', ...events.map((event) => `  ${eventText(event, context)}`)]),
        ].join('\n'),
      )
    })
}

/** Runs until the work is done or the user interrupts, which is how following ends. */
async function untilInterrupted(context: Context, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController()
  const onInterrupt = (): void => {
    context.exitCode = INTERRUPTED
    stop.abort(new OperationalError('TIMEOUT', 'interrupted'))
  }
  process.once('SIGINT', onInterrupt)
  try {
    await work(stop.signal)
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

function logText(line: TaskLogLine, lanes: Map<string, number>, alone: boolean, context: Context): string {
  const text = printable(line.text)
  if (alone) return text
  const lane = lanes.get(line.task) ?? lanes.size
  lanes.set(line.task, lane)
  return `${context.out.lane(lane, `${line.task} |`)} ${text}`
}

function eventText(event: Event, { out }: Context): string {
  const at = new Date(event.at).toISOString().replace('T', ' ').slice(0, 19)
  return `${out.quiet(at)}  ${event.kind.padEnd(18)} ${printable(event.message)} ${out.quiet(`(${event.by})`)}`
}
