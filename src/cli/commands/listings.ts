import { Command } from 'commander'
import type { ManifestRevision } from '../../core/model/manifest.ts'
import type { Node } from '../../core/model/node.ts'
import type { ServiceDetail, ServiceView, TaskView } from '../../core/model/view.ts'
import type { Context } from '../context.ts'
import { terminalWidth } from '../context.ts'
import { age } from '../render/age.ts'
import type { Style } from '../render/style.ts'
import { type Cell, table } from '../render/table.ts'

export function servicesCommand(context: Context): Command {
  return new Command('services')
    .description('list services, or show one with its tasks')
    .argument('[name]', 'service')
    .addHelpText('after', '\nExamples:\n  gantry services\n  gantry services web --json')
    .action(async (name: string | undefined) => {
      if (name === undefined)
        return context.print(await context.client().services(), (services) => servicesText(services, context.out))
      return context.print(await context.client().service(name), (service) => serviceText(service, context.out))
    })
}

export function tasksCommand(context: Context): Command {
  return new Command('tasks')
    .description('list tasks')
    .argument('[service]', 'only those of this service')
    .option('-a, --all', 'ended ones that are still kept, too')
    .addHelpText('after', '\nExamples:\n  gantry tasks\n  gantry tasks web --all')
    .action(async (service: string | undefined, { all }: { all?: boolean }) => {
      const tasks = await context.client().tasks({ service: service ?? null, all: all === true })
      context.print(tasks, (list) => tasksText(list, context.out))
    })
}

export function nodesCommand(context: Context): Command {
  return new Command('nodes')
    .description('list nodes')
    .addHelpText('after', '\nExample:\n  gantry nodes --json')
    .action(async () => context.print(await context.client().nodes(), (nodes) => nodesText(nodes, context.out)))
}

export function revisionsCommand(context: Context): Command {
  return new Command('revisions')
    .description('list manifest revisions, the newest first')
    .argument('[number]', 'print the manifest of this revision')
    .addHelpText('after', '\nExamples:\n  gantry revisions\n  gantry revisions 3 > shop.yaml')
    .action(async (number: string | undefined) => {
      if (number === undefined)
        return context.print(await context.client().revisions(), (list) => revisionsText(list, context.out))
      const revision = await context.client().revision(Number(number))
      if (context.globals.json) return context.print(revision, () => '')
      process.stdout.write(revision.text)
    })
}

function servicesText(services: readonly ServiceView[], style: Style): string {
  const rows = services.map((service) => [
    service.name,
    health(service, style),
    `${service.ready}/${service.replicas}`,
    service.mode,
    service.image ?? service.runtime,
    age(service.updatedAt, Date.now()),
    service.message,
  ])
  return rows.length === 0
    ? 'No services.'
    : table(['SERVICE', 'HEALTH', 'READY', 'MODE', 'RUNS', 'CHANGED', ''], rows, terminalWidth())
}

function serviceText(service: ServiceDetail, style: Style): string {
  return `${servicesText([service], style)}\n\n${tasksText(service.tasks, style)}`
}

export function tasksText(tasks: readonly TaskView[], style: Style): string {
  const rows = tasks.map((task) => [
    task.id,
    state(task, style),
    task.node === null ? '-' : String(task.node),
    task.ports
      .map(({ host, container, protocol }) => `${host}→${container}${protocol === 'tcp' ? '' : `/${protocol}`}`)
      .join(' ') || '-',
    String(task.restarts),
    age(task.startedAt ?? task.createdAt, Date.now()),
    task.ready ? '' : task.message,
  ])
  return rows.length === 0
    ? 'No tasks.'
    : table(['TASK', 'STATE', 'NODE', 'PORTS', 'RESTARTS', 'AGE', ''], rows, terminalWidth())
}

function nodesText(nodes: readonly Node[], style: Style): string {
  const rows = nodes.map((node) => [
    String(node.id),
    node.name,
    { text: node.status, paint: node.status === 'ready' ? style.good : style.bad },
    node.availability,
    node.placement,
    node.runtimes.map(({ kind, available, version }) => `${kind} ${available ? version : '(no answer)'}`).join(', '),
    `${node.capacity.cpuMillis / 1_000} cores, ${Math.round(node.capacity.memoryBytes / 1024 ** 3)} GiB`,
  ])
  return rows.length === 0
    ? 'No nodes.'
    : table(['ID', 'NAME', 'STATUS', 'AVAILABILITY', 'PLACEMENT', 'RUNTIMES', 'CAPACITY'], rows, terminalWidth())
}

function revisionsText(revisions: readonly Omit<ManifestRevision, 'text'>[], style: Style): string {
  const paints: Partial<Record<ManifestRevision['state'], (text: string) => string>> = {
    applied: style.good,
    failed: style.bad,
    progressing: style.warning,
  }
  const rows = revisions.map(({ number, state: of, cause, by, createdAt, message }) => [
    String(number),
    { text: of, paint: paints[of] ?? style.quiet },
    cause,
    by,
    age(createdAt, Date.now()),
    message,
  ])
  return rows.length === 0
    ? 'No manifest was applied yet.'
    : table(['REVISION', 'STATE', 'CAUSE', 'BY', 'AGE', ''], rows, terminalWidth())
}

function health({ health: of }: ServiceView, style: Style): Cell {
  const paint = of === 'healthy' ? style.good : of === 'unhealthy' ? style.bad : style.warning
  return { text: of, paint }
}

function state(task: TaskView, style: Style): Cell {
  if (task.state !== 'running')
    return { text: task.state, paint: task.state === 'failed' || task.state === 'rejected' ? style.bad : style.quiet }
  return task.ready ? { text: 'ready', paint: style.good } : { text: 'running', paint: style.warning }
}
