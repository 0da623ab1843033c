import { Command } from 'commander'
import type { Context } from '../context.ts'
import { findRun } from '../find-run.ts'
import { follow } from '../follow.ts'
import { LogLanes, printedText } from '../render/logs.ts'
import { isTask, seconds, wholeNumber } from '../values.ts'

interface LogFlags {
  readonly follow?: boolean
  readonly tail?: number
  readonly since?: number
}

export function logsCommand(context: Context): Command {
  return new Command('logs')
    .description('what tasks print: all replicas in one stream, ended tasks too')
    .argument('<name>', 'service or task; or a task started by hand, by its id or name')
    .option('-f, --follow', 'go on with what comes')
    .option('-n, --tail <lines>', 'begin with so many last lines of each task', wholeNumber)
    .option('--since <time>', 'only what is younger, for example 5m', seconds)
    .addHelpText(
      'after',
      '\nExamples:\n  gantry logs web -f\n  gantry logs web.2.1 --tail 20\n  gantry logs web --since 5m',
    )
    .action(async (name: string, flags: LogFlags) => {
      const since = flags.since === undefined ? null : Date.now() - flags.since
      const query = { follow: flags.follow === true, tail: flags.tail ?? null, since }
      const client = context.client()
      // A file or a program gets what was printed, byte for byte.
      const textOf = process.stdout.isTTY ? printedText : (text: string) => text
      if (isTask(name))
        return follow(
          context,
          (signal) => client.taskLogs(name, query, signal),
          ({ text }) => textOf(text),
        )
      const lanes = new LogLanes(context.out, textOf)
      const run = await findRun(client, name)
      await follow(
        context,
        (signal) => client.serviceLogs(run?.spec.name ?? name, query, signal),
        (line) => lanes.line(line),
      )
    })
}
