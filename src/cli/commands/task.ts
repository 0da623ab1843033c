import { Command, Option } from 'commander'
import { RESTART_POLICIES } from '../../core/model/service.ts'
import type { Context } from '../context.ts'
import { findRun } from '../find-run.ts'
import { dispatchesText, dispatchText } from '../render/dispatches.ts'
import { tasksText } from '../render/tasks.ts'
import { type RunFlags, requestOf } from '../run-request.ts'
import { isTask, list, pair, programWords } from '../values.ts'

export function taskCommand(context: Context): Command {
  return new Command('task')
    .usage('COMMAND')
    .enablePositionalOptions()
    .description('tasks that are started by hand, outside the manifest')
    .addHelpText('after', '\nExamples:\n  gantry task run --image busybox:1 -- echo hello\n  gantry task ls')
    .addCommand(runCommand(context))
    .addCommand(listCommand(context))
    .addCommand(getCommand(context))
    .addCommand(stopCommand(context))
}

function runCommand(context: Context): Command {
  return new Command('run')
    .description('start one; prints its id')
    .argument('[command...]', 'program and its arguments, after --')
    .option('-f, --file <file>', 'a service as a manifest has it, in YAML or JSON; options count more')
    .option('--image <image>', 'image to run; without one the command runs as a process')
    .option('--name <name>', 'name of the task')
    .option('-e, --env <key=value>', 'variable; may be repeated', pair)
    .option('-p, --publish <ports>', 'HOST:CONTAINER[/udp] or CONTAINER; may be repeated', list)
    .option('--memory <size>', 'memory limit, for example 256m')
    .option('--cpus <number>', 'CPU limit, for example 0.5')
    .addOption(new Option('--restart <policy>', 'what happens when it ends (default: no)').choices(RESTART_POLICIES))
    .option('--health-path <path>', 'HTTP path that answers when it is healthy, on the first port')
    .passThroughOptions()
    .addHelpText(
      'after',
      '\nExamples:\n  gantry task run --image busybox:1 -- echo hello\n  gantry task run --name migrate --env STAGE=prod -- ./migrate --all\n  gantry task run -f job.yaml',
    )
    .action(async (command: string[], flags: RunFlags) => {
      const request = await requestOf(programWords(command), flags)
      context.print(await context.client().dispatch(request), ({ id }) => id)
    })
}

function listCommand(context: Context): Command {
  return new Command('ls')
    .alias('list')
    .description('list them')
    .addHelpText('after', '\nExample:\n  gantry task ls --json')
    .action(async () => context.print(await context.client().dispatches(), dispatchesText))
}

function getCommand(context: Context): Command {
  return new Command('get')
    .description('show one, or any other task')
    .argument('<id>', 'id or name of a task run, or a task such as web.1.1')
    .addHelpText(
      'after',
      '\nExamples:\n  gantry task get 0b7c1d2e-5a55-4f0f-9d43-3a1f5f3a7c11\n  gantry task get web.1.1',
    )
    .action(async (id: string) => {
      const client = context.client()
      const run = isTask(id) ? null : await findRun(client, id)
      if (run !== null) return context.print(await client.dispatched(run.id), dispatchText)
      context.print(await client.task(id), (task, format) => tasksText([task], format))
    })
}

function stopCommand(context: Context): Command {
  return new Command('stop')
    .description('stop one; or one task of a service, whose slot gets another by its restart policy')
    .argument('<id>', 'id or name of a task run, or a task such as web.1.1')
    .addHelpText(
      'after',
      '\nExamples:\n  gantry task stop 0b7c1d2e-5a55-4f0f-9d43-3a1f5f3a7c11\n  gantry task stop web.1.1',
    )
    .action(async (id: string) => {
      const client = context.client()
      const run = isTask(id) ? null : await findRun(client, id)
      if (run !== null)
        return context.print(await client.stopDispatch(run.id), (dispatch) => `${dispatch.id} is being stopped`)
      context.print(await client.stopTask(id), (task) => `${task.id} is being stopped`)
    })
}
