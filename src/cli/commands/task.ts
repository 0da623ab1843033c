import { randomUUID } from 'node:crypto'
import { Command, Option } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { Dispatch } from '../../core/model/manifest.ts'
import { RESTART_POLICIES } from '../../core/model/service.ts'
import type { TaskView } from '../../core/model/view.ts'
import type { DispatchDetail, DispatchRequest } from '../../transport/wire.ts'
import { type Context, terminalWidth } from '../context.ts'
import { age } from '../render/age.ts'
import { table } from '../render/table.ts'
import { list, pair, programWords } from '../values.ts'
import { tasksText } from './listings.ts'

interface RunFlags {
  readonly image?: string
  readonly name?: string
  readonly env?: Record<string, string>
  readonly publish?: string[]
  readonly memory?: string
  readonly cpus?: string
  readonly restart: (typeof RESTART_POLICIES)[number]
  readonly healthPath?: string
}

export function taskCommand(context: Context): Command {
  const task = new Command('task')
    .enablePositionalOptions()
    .description('tasks that are started by hand, outside the manifest')
    .addHelpText(
      'after',
      '\nExamples:\n  gantry task run --image busybox:1 -- echo hello\n  gantry task run --name migrate --env STAGE=prod -- ./migrate\n  gantry task ls\n  gantry task stop 0b7c1d2e-…',
    )
  task
    .command('run')
    .description('start one')
    .argument('[command...]', 'program and its arguments, after --')
    .option('--image <image>', 'image to run; without one the command runs as a process')
    .option('--name <name>', 'name of the task')
    .option('-e, --env <key=value>', 'variable; may be repeated', pair)
    .option('-p, --publish <ports>', 'HOST:CONTAINER[/udp] or CONTAINER; may be repeated', list)
    .option('--memory <size>', 'memory limit, for example 256m')
    .option('--cpus <number>', 'CPU limit, for example 0.5')
    .addOption(new Option('--restart <policy>', 'when it ends').choices(RESTART_POLICIES).default('no'))
    .option('--health-path <path>', 'HTTP path that answers when it is healthy, on the first port')
    .passThroughOptions()
    .action(async (command: string[], flags: RunFlags) => {
      const dispatch = await context.client().dispatch(requestOf(programWords(command), flags))
      context.print(dispatch, ({ id }) => id)
    })
  task
    .command('ls')
    .description('list them')
    .action(async () => context.print(await context.client().dispatches(), dispatchesText))
  task
    .command('get')
    .description('show one, by id, or any task by its name')
    .argument('<id>')
    .action(async (id: string) => {
      if (isUuid(id))
        return context.print(await context.client().dispatched(id), (detail) => detailText(detail, context))
      const view: TaskView = await context.client().task(id)
      return context.print(view, (one) => tasksText([one], context.out))
    })
  task
    .command('stop')
    .description('stop one, by id; or one attempt of a service by its name')
    .argument('<id>')
    .action(async (id: string) => {
      if (isUuid(id))
        return context.print(await context.client().stopDispatch(id), (dispatch) => `${dispatch.id} is stopped`)
      return context.print(await context.client().stopTask(id), (one) => `${one.id} is stopped`)
    })
  return task
}

function requestOf(command: readonly string[], flags: RunFlags): DispatchRequest {
  const { image, cpus, memory } = flags
  const program = image?.split('/').at(-1)?.split(':')[0] ?? command[0]?.split('/').at(-1)
  if (program === undefined)
    throw new OperationalError('USAGE', 'say what to run', { hint: 'give --image IMAGE, or a command after --' })
  const firstPort = flags.publish?.[0]?.split(':').at(-1)?.split('/')[0]
  return {
    id: randomUUID(),
    name: flags.name ?? program.replace(/[^A-Za-z0-9_-]/g, '-'),
    restart_policy: flags.restart,
    ...(image === undefined ? {} : { image }),
    ...(command.length === 0 ? {} : { command: [...command] }),
    ...(flags.env === undefined ? {} : { env: flags.env }),
    ...(flags.publish === undefined ? {} : { ports: flags.publish }),
    ...(cpus === undefined && memory === undefined
      ? {}
      : { limits: { ...(cpus === undefined ? {} : { cpus }), ...(memory === undefined ? {} : { memory }) } }),
    ...(flags.healthPath === undefined
      ? {}
      : { health_check: { type: 'http', http_path: flags.healthPath, port: Number(firstPort) } }),
  }
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}

function dispatchesText(dispatches: readonly Dispatch[]): string {
  const rows = dispatches.map(({ id, name, desired, spec, by, createdAt }) => [
    id,
    name,
    desired,
    spec.container.image ?? spec.container.command?.join(' ') ?? '',
    by,
    age(createdAt, Date.now()),
  ])
  return rows.length === 0
    ? 'No tasks were started by hand.'
    : table(['ID', 'NAME', 'DESIRED', 'RUNS', 'BY', 'AGE'], rows, terminalWidth())
}

function detailText({ dispatch, tasks }: DispatchDetail, context: Context): string {
  return `${dispatchesText([dispatch])}\n\n${tasksText(tasks, context.out)}`
}
