import { Command } from 'commander'
import type { ExecSession } from '../../ports/runtime.ts'
import type { Context } from '../context.ts'
import { programWords } from '../values.ts'

export function execCommand(context: Context): Command {
  return new Command('exec')
    .description('run a program inside a running task')
    .argument('<task>', 'task, for example web.1.1')
    .argument('<command...>', 'program and its arguments, after --')
    .option('-i, --interactive', 'pass standard input on')
    .option('-t, --tty', 'give it a terminal')
    .option('-u, --user <user>', 'run as this user')
    .option('-w, --workdir <dir>', 'run in this directory')
    .passThroughOptions()
    .addHelpText('after', '\nExamples:\n  gantry exec web.1.1 -- printenv\n  gantry exec -it web.1.1 -- sh')
    .action(
      async (
        task: string,
        argv: string[],
        options: { interactive?: boolean; tty?: boolean; user?: string; workdir?: string },
      ) => {
        const tty = options.tty === true
        const input = options.interactive === true
        const size = tty && process.stdout.isTTY ? { columns: process.stdout.columns, rows: process.stdout.rows } : null
        const request = {
          argv: programWords(argv),
          tty,
          stdin: input,
          env: {},
          user: options.user ?? null,
          workingDir: options.workdir ?? null,
          size,
        }
        const session = await context.client().exec(task, request)
        const restore = attach(session, input, tty)
        try {
          for await (const { stream, data } of session.output)
            (stream === 'stdout' ? process.stdout : process.stderr).write(data)
          context.exitCode = await session.exit
        } finally {
          restore()
        }
      },
    )
}

/** Connects the terminal with the session; returns how to undo that. */
function attach(session: ExecSession, input: boolean, tty: boolean): () => void {
  if (!input) return () => undefined
  const raw = tty && process.stdin.isTTY
  const onData = (data: Buffer): void => session.write(data)
  const onEnd = (): void => session.endInput()
  const onResize = (): void => session.resize(process.stdout.columns, process.stdout.rows)
  if (raw) process.stdin.setRawMode(true)
  process.stdin.on('data', onData).on('end', onEnd)
  if (tty) process.stdout.on('resize', onResize)
  return () => {
    if (raw) process.stdin.setRawMode(false)
    process.stdin.off('data', onData).off('end', onEnd).pause()
    process.stdout.off('resize', onResize)
  }
}
