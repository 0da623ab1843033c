import { resolve } from 'node:path'
import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import { baseOf } from '../../transport/client/server-url.ts'
import type { Context } from '../context.ts'
import { isEntry } from '../contexts/entry-values.ts'
import { clustersPath, contextNamed, findContexts, type KnownContexts } from '../contexts/find-contexts.ts'
import { contextsText, type ListedContext, listedContexts, reachedBy, reachText } from '../render/contexts.ts'
import { wholeNumber } from '../values.ts'

interface AddFlags {
  readonly caFile?: string
  readonly fingerprint?: string
  readonly timeout?: string
  readonly retries?: number
}

/** `clusters`: those that commands can be sent to, and what makes one known. */
export function clustersCommand(context: Context): Command {
  const command = new Command('clusters')
    .description('list the clusters that commands can be sent to, or make one known')
    .addHelpText('after', '\nExamples:\n  gantry clusters\n  gantry clusters --json')
    .action(async () => {
      const known = await knownContexts(context)
      context.print<readonly ListedContext[]>(listedContexts(known), contextsText)
    })
  command
    .command('add')
    .description('make a cluster known in ~/.config/gantry/clusters.yaml; --token-file names its token')
    .argument('<name>', 'how it will be called')
    .argument('<servers...>', 'https://HOST:PORT of its servers, asked in this order')
    .option('--ca-file <file>', 'certificate of its authority: the file authority.crt of a server')
    .option('--fingerprint <text>', 'fingerprint of its authority: the third part of a join token')
    .option('--timeout <time>', 'a server that does not answer by then counts as gone (default: 10s)')
    .option('--retries <count>', 'tries of all servers after the first (default: 3)', wholeNumber)
    .addHelpText(
      'after',
      '\nExample:\n  gantry clusters add blue https://10.0.0.1:8080 https://10.0.0.2:8080 --ca-file blue.crt --token-file blue.token',
    )
    .action((name: string, servers: readonly string[], flags: AddFlags) => add(name, servers, flags, context))
  command
    .command('rm')
    .description('forget a cluster; the cluster itself is not touched')
    .argument('<name>', 'its name')
    .addHelpText('after', '\nExample:\n  gantry clusters rm blue')
    .action((name: string) => remove(name, context))
  return command
}

/** `use`: which cluster commands are for from now on. */
export function useCommand(context: Context): Command {
  return new Command('use')
    .description('send commands to another cluster from now on')
    .argument('<cluster>', 'its name')
    .addHelpText('after', '\nExample:\n  gantry use blue')
    .action(async (name: string) => {
      const { selectContext } = await import('../contexts/select.ts')
      const known = await knownContexts(context)
      const chosen = contextNamed(name, known)
      const files = await selectContext(chosen, known, context.env)
      context.print({ cluster: chosen.name, files }, () => `Now using cluster: ${chosen.name}`)
    })
}

/** `which`: where commands go. */
export function whichCommand(context: Context): Command {
  return new Command('which')
    .description('say which cluster commands go to, and why')
    .addHelpText('after', '\nExamples:\n  gantry which\n  gantry which --json')
    .action(() => context.print(reachedBy(context.reach()), reachText))
}

/** What the files name; what has no effect there is told. */
async function knownContexts(context: Context): Promise<KnownContexts> {
  const known = await findContexts(context.env)
  for (const note of known.files.flatMap(({ notes }) => notes)) context.say(`Warning: ${note}`)
  return known
}

async function add(name: string, servers: readonly string[], flags: AddFlags, context: Context): Promise<void> {
  const { editFile } = await import('../contexts/edit-file.ts')
  const { clustersFile } = await import('../contexts/clusters-file.ts')
  const path = clustersPath(context.env)
  const { tokenFile } = context.globals
  const entry = {
    servers: servers.map((one) => baseOf(one).origin),
    ...(tokenFile === null ? {} : { token_file: resolve(tokenFile) }),
    ...(flags.caFile === undefined ? {} : { ca_file: resolve(flags.caFile) }),
    ...(flags.fingerprint === undefined ? {} : { fingerprint: flags.fingerprint }),
    ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }),
    ...(flags.retries === undefined ? {} : { retries: flags.retries }),
  }
  // What could not be read again must not be written.
  clustersFile({ clusters: { [name]: entry } }, path)
  await editFile(path, (document) => {
    const before: unknown = document.toJS()
    const clusters = isEntry(before) && isEntry(before['clusters']) ? before['clusters'] : {}
    if (Object.hasOwn(clusters, name))
      throw new OperationalError('ALREADY_EXISTS', `${name} is known already`, {
        hint: `\`gantry clusters rm ${name}\``,
      })
    document.setIn(['clusters', name], document.createNode(entry))
  })
  context.print({ cluster: name, file: path }, () => '')
  context.say(`Cluster ${name} is known. Try: \`gantry use ${name}\`, or \`gantry nodes --context ${name}\``)
}

async function remove(name: string, context: Context): Promise<void> {
  const { editFile } = await import('../contexts/edit-file.ts')
  const path = clustersPath(context.env)
  const { file } = contextNamed(name, await knownContexts(context))
  if (file !== path)
    throw new OperationalError('USAGE', `${name} stands in ${file}, which belongs to GoCluster`, {
      hint: 'edit that file',
    })
  await editFile(path, (document) => {
    document.deleteIn(['clusters', name])
    if (document.get('current') === name) document.delete('current')
  })
  context.print({ cluster: name, file: path }, () => '')
}
