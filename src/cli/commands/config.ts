import { Command } from 'commander'
import type { SettingView } from '../../core/settings/settings.ts'
import type { Context } from '../context.ts'
import type { Format } from '../render/format.ts'
import { table } from '../render/table.ts'

/** `config`: what is set for the whole cluster. */
export function configCommand(context: Context): Command {
  const command = new Command('config').description('settings of the whole cluster')
  command
    .command('view')
    .description('show every setting')
    .addHelpText('after', '\nExamples:\n  gantry config view\n  gantry config view --json')
    .action(async () => context.print(await context.client().config(), settingsText))
  command
    .command('set')
    .description('change a setting, for all servers and from now on')
    .argument('<key>', 'its name')
    .argument('<value>', 'its new value')
    .addHelpText('after', '\nExample:\n  gantry config set strategy bin-pack')
    .action(async (key: string, value: string) => {
      context.print(await context.client().setConfig(key, value), settingsText)
    })
  return command.addHelpText('after', '\nExamples:\n  gantry config view\n  gantry config set strategy bin-pack')
}

function settingsText(settings: readonly SettingView[], { width }: Format): string {
  const rows = settings.map(({ key, value, isSet, meaning }) => [key, value, isSet ? 'set' : 'default', meaning])
  return table(['KEY', 'VALUE', 'FROM', ''], rows, width)
}
