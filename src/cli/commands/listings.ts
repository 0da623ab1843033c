import { Command } from 'commander'
import type { Context } from '../context.ts'
import { revisionsText } from '../render/revisions.ts'
import { servicesText, serviceText } from '../render/services.ts'
import { tasksText } from '../render/tasks.ts'
import { revisionNumber } from '../values.ts'

export function servicesCommand(context: Context): Command {
  return new Command('services')
    .description('list services, or show one with its tasks')
    .argument('[name]', 'service')
    .addHelpText('after', '\nExamples:\n  gantry services\n  gantry services web --json')
    .action(async (name: string | undefined) => {
      const client = context.client()
      if (name === undefined) return context.print(await client.services(), servicesText)
      context.print(await client.service(name), serviceText)
    })
}

export function tasksCommand(context: Context): Command {
  return new Command('tasks')
    .description('list tasks')
    .argument('[service]', 'only those of this service')
    .option('-a, --all', 'ended ones that are still kept, too')
    .addHelpText('after', '\nExamples:\n  gantry tasks\n  gantry tasks web --all')
    .action(async (service: string | undefined, { all }: { all?: boolean }) => {
      const client = context.client()
      const tasks = await client.tasks({ service: service ?? null, all: all === true })
      // An empty list would hide a misspelt name.
      if (tasks.length === 0 && service !== undefined) await client.service(service)
      context.print(tasks, tasksText)
    })
}

export function revisionsCommand(context: Context): Command {
  return new Command('revisions')
    .description('list manifest revisions, the newest first')
    .argument('[number]', 'print the manifest of this revision')
    .addHelpText('after', '\nExamples:\n  gantry revisions\n  gantry revisions 3 > shop.yaml')
    .action(async (number: string | undefined) => {
      const client = context.client()
      if (number === undefined) return context.print(await client.revisions(), revisionsText)
      const revision = await client.revision(revisionNumber(number))
      context.print(revision, () => '')
      // Byte for byte what was applied, so that it can be kept in a file.
      if (!context.globals.json) process.stdout.write(revision.text)
    })
}
