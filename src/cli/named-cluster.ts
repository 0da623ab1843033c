import { OperationalError } from '../core/errors.ts'
import type { Servers } from '../transport/client.ts'
import { type Client, createClient } from '../transport/client.ts'
import type { Context } from './context.ts'
import { findReach } from './reach.ts'

/**
 * The cluster that stands behind a command, as GoCluster's command line has it; undefined: where commands go. Throws
 * NOT_FOUND for a name that nobody knows, USAGE where an option names another place.
 */
export async function clientOf(name: string | undefined, context: Context): Promise<Client> {
  return createClient(await serversOf(name, context))
}

/** The servers of that cluster; throws as `clientOf`. */
export async function serversOf(name: string | undefined, context: Context): Promise<Servers> {
  if (name === undefined) return context.reach().servers
  const { globals, env } = context
  const said = globals.context?.by ?? globals.place ?? ''
  if (said.startsWith('--'))
    throw new OperationalError('USAGE', `${name} and an option both say where the command goes: ${said}`)
  const { servers } = await findReach({ ...globals, context: { name, by: `${name} names it` }, place: null }, env)
  return servers
}

/** Whether a cluster of that name is known here. */
export async function isClusterKnown(name: string, { env }: Context): Promise<boolean> {
  const { findContexts, hasContexts } = await import('./contexts/find-contexts.ts')
  if (!hasContexts(env)) return false
  return (await findContexts(env)).contexts.some((one) => one.name === name || one.title === name)
}
