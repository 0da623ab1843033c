import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import type { MachineCheck } from '../../core/install/judge-machine.ts'
import { ROLES } from '../../core/model/identity.ts'
import type { Installed } from '../../main/install/install.ts'
import type { Context } from '../context.ts'
import { readInput } from '../files.ts'
import { type InstallFlags, installSettings, storeMembers } from '../install-settings.ts'
import { addressWord, labelWord, nodeNameWord, placementWord, placeWord } from '../node-words.ts'
import { checksText } from '../render/checks.ts'
import { STORE_FLAGS } from '../store-settings.ts'

interface Flags extends InstallFlags {
  readonly check?: boolean
  readonly force?: boolean
  readonly systemd?: boolean
  readonly start: boolean
  readonly wait: boolean
  readonly printUnit?: boolean
}

const EXAMPLES = [
  '--token-file secret.txt --seeds 10.0.0.1',
  '--token-file secret.txt --seeds 10.0.0.1 --placement edge --public-address auto',
  '--token-file secret.txt --seeds 10.0.0.1 --check',
  '--token-file secret.txt --seeds a,b,c --backend-type etcd --etcd-endpoints 10.0.0.9:2379',
]

/** `install`: makes this machine a node that comes back after a reboot. */
export function installCommand(context: Context): Command {
  const command = new Command('install')
    .description(
      'make this machine a node of a cluster, in any order with the others; --token-file has the secret of the cluster',
    )
    .requiredOption(
      '--seeds <list>',
      'addresses of the servers, the same list everywhere; who stands in it is a server',
    )
    .option('--volume <dir>', 'where everything is kept (default: the data directory, /var/lib/gantry)')
    .option('--public-address <address>', 'address of this node for the outside; auto: what its own name stands for')
    .option('--placement <name>', 'role of this node (default: default)', placementWord)
    .option('--region <name>', 'region that this node is in', placeWord)
    .option('--zone <name>', 'zone that this node is in', placeWord)
    .option('--label <key=value>', 'label of this node; may be repeated', labelWord)
    .option('--name <name>', 'name of this node (default: <hostname>:7946)', nodeNameWord)
    .option('--runtime <list>', 'what may run tasks here: docker, process (GANTRY_RUNTIME; default: docker)')
    .option(
      '--address <address>',
      'where servers reach an agent’s machine (default: the address that it has towards them)',
      addressWord,
    )
    .option('--listen <host:port>', 'address of a server’s API (GANTRY_LISTEN; default 127.0.0.1:8080)')
    .addOption(new Option('--role <role>', 'what it is, whatever the list says').choices(ROLES))
    .option('--check', 'look whether this machine fits, and change nothing')
    .option('-f, --force', 'also where a check fails')
    .option('--systemd', 'insist on a unit of systemd (default: where systemd runs)')
    .option('--no-start', 'write the files, and start nothing')
    .option('--no-wait', 'do not wait until it has joined; its service does')
    .option('--print-unit', 'print the unit for systemd, and change nothing')
  for (const [flags, description] of STORE_FLAGS) {
    if (!flags.startsWith('--seeds ')) command.option(flags, description)
  }
  return command
    .addHelpText('after', `\nExamples:\n${EXAMPLES.map((words) => `  gantry install ${words}`).join('\n')}`)
    .action((flags: Flags) => run(flags, context))
}

async function run(flags: Flags, context: Context): Promise<void> {
  const secret = secretOf(context)
  if (flags.volume === '') throw new OperationalError('USAGE', 'cannot use --volume: it is empty')
  const volume = resolve(flags.volume ?? context.globals.dataDir)
  const members = storeMembers({ ...flags }, volume)
  const settings = await installSettings({ ...flags }, { volume, secret }, context)
  if (flags.printUnit === true) {
    const { unitOf } = await import('../../main/install/service.ts')
    return context.print(unitOf(settings), (text) => text.trimEnd())
  }
  const { lookAtMachine } = await import('../../main/install/look-at-machine.ts')
  const look = (): Promise<readonly MachineCheck[]> =>
    lookAtMachine(settings, settings.node.role === 'server' ? members : [])
  if (flags.check === true) {
    const checks = await look()
    context.print(checks, checksText)
    if (checks.some(({ state }) => state === 'fail')) context.exitCode = PREREQUISITE
    return
  }
  const { isInstalled } = await import('../../main/install/record-file.ts')
  if (!isInstalled(volume) && flags.force !== true) requireFit(await look())
  const { chooseService } = await import('../../main/install/service.ts')
  const service = chooseService(flags)
  const { installUntilSignal } = await import('../../main/install/until-signal.ts')
  const done = await installUntilSignal({ settings, secret, service, wait: flags.wait, say: context.say })
  if (done.kind === 'interrupted') {
    context.exitCode = done.exitCode
    return context.say('Interrupted: nothing is installed.')
  }
  context.print(
    done.installed,
    ({ nodeId, unchanged }) => `[${nodeId ?? '-'}] Node ${unchanged ? 'is installed already' : 'installed'}`,
  )
  for (const line of remarks(service, done.installed)) context.say(line)
}

const PREREQUISITE = 4

function secretOf({ globals }: Context): string {
  const { tokenFile, tokenOption } = globals
  if (tokenFile !== null) return readInput(tokenFile).trim()
  if (tokenOption !== null) return tokenOption
  throw new OperationalError('USAGE', 'the secret of the cluster is missing', {
    hint: 'give --token-file FILE: 16 letters and digits or more, or a token of `gantry join-token create`',
  })
}

function requireFit(checks: readonly MachineCheck[]): void {
  const failed = checks.filter(({ state }) => state === 'fail')
  if (failed.length === 0) return
  const what = failed.map(({ check, found }) => `${check}: ${found}`).join('; ')
  throw new OperationalError('PREREQUISITE', `this machine does not fit: ${what}`, {
    hint: '`gantry install --check` shows what to do; --force goes ahead all the same',
  })
}

function remarks(service: string, { volume, role }: Installed): readonly string[] {
  const start = `gantry ${role === 'server' ? 'up' : 'agent'} --config ${volume}/gantry.yaml`
  if (service === 'detached')
    return [`No systemd runs here: after a reboot \`${start}\` starts it again. Its log is ${volume}/gantry.log.`]
  if (service === 'none') return [`Nothing was started: \`${start}\` starts it.`]
  return []
}
