import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import { EVENT_ID } from '../../core/model/event.ts'
import type { Context } from '../context.ts'
import { follow } from '../follow.ts'
import { eventText } from '../render/events.ts'
import { wholeNumber } from '../values.ts'

interface EventFlags {
  readonly follow?: boolean
  readonly service?: string
  readonly since?: string
  readonly limit?: number
}

export function eventsCommand(context: Context): Command {
  return new Command('events')
    .description('what happened, with its cause')
    .option('-f, --follow', 'go on with what comes')
    .option('-s, --service <name>', 'only of this service')
    .option('--since <id>', 'only after this event')
    .option('-n, --limit <count>', 'at most so many, the newest (default: 100; with --follow 10)', wholeNumber)
    .addHelpText('after', '\nExamples:\n  gantry events -f\n  gantry events --service web --limit 20')
    .action(async (flags: EventFlags) => {
      const { service = null, limit = null, since: after = null } = flags
      if (after !== null && !EVENT_ID.test(after))
        throw new OperationalError('USAGE', `${after} is no event`, {
          hint: 'the ids of events are in `gantry events --json`',
        })
      const newest = after === null ? (flags.follow === true ? 10 : 100) : null
      const query = { after, service, object: null, limit: limit ?? newest }
      const client = context.client()
      if (flags.follow === true)
        return follow(
          context,
          (signal) => client.watchEvents(query, signal),
          (event) => eventText(event, context.out),
        )
      context.print(await client.events(query), (events, { style }) =>
        events.map((event) => eventText(event, style)).join('\n'),
      )
    })
}
