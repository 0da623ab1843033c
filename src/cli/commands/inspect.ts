import { Command } from 'commander'
import type { Inspection } from '../../core/model/view.ts'
import type { Context } from '../context.ts'
import { isTask } from '../values.ts'

export function inspectCommand(context: Context): Command {
  return new Command('inspect')
    .description('run the inspect command of a service in its running tasks; ends with 1 if one of them fails')
    .argument('<name>', 'service or task')
    .addHelpText('after', '\nExamples:\n  gantry inspect web\n  gantry inspect web.2.1 --json')
    .action(async (name: string) => {
      const client = context.client()
      const tasks = isTask(name) ? [await client.task(name)] : await client.tasks({ service: name, all: false })
      if (tasks.length === 0) await client.service(name)
      const running = tasks.filter(({ state }) => state === 'running')
      const inspections = await Promise.all(running.map(({ id }) => client.inspect(id)))
      context.print(inspections, (all) => all.map(inspectionText).join('\n') || 'No running tasks.')
      if (inspections.some(({ exitCode }) => exitCode !== 0)) context.exitCode = 1
    })
}

function inspectionText({ task, exitCode, output }: Inspection): string {
  return `${task}  exit code ${exitCode}\n${output.trimEnd()}\n`
}
