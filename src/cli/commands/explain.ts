import { Command } from 'commander'
import type { Context } from '../context.ts'
import { explanationText } from '../render/events.ts'

export function explainCommand(context: Context): Command {
  return new Command('explain')
    .description('why something is as it is: now, and what led there')
    .argument('<object>', 'service, task, node/1 or the name of a node, manifest/3')
    .addHelpText('after', '\nExamples:\n  gantry explain web\n  gantry explain web.1.2\n  gantry explain manifest/3')
    .action(async (object: string) => {
      context.print(await context.client().explain(object), (explanation, { style }) =>
        explanationText(explanation, style),
      )
    })
}
