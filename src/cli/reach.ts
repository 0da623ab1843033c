import type { Servers, Target } from '../transport/client.ts'
import type { ClusterContext } from './contexts/cluster-context.ts'
import { readInput } from './files.ts'
import { type Globals, readToken, targetOf, variableOf } from './globals.ts'

/** Where commands go. */
export interface Reach {
  readonly servers: Servers
  /** The cluster that a file names; null: the place itself was named, or it is this machine. */
  readonly context: ClusterContext | null
  /** What decided that. */
  readonly because: string
}

/**
 * Where the commands of a line go: what the line names, else what the environment names, else the cluster that is
 * selected, else this machine. Throws CONFIG_INVALID for a file of clusters that is wrong, NOT_FOUND for a name that
 * stands in none.
 */
export async function findReach(globals: Globals, env: NodeJS.ProcessEnv): Promise<Reach> {
  const here = (because: string): Reach => ({
    servers: { targets: [targetOf(globals)], retries: 0 },
    context: null,
    because,
  })
  const { context: named, place } = globals
  if (named === null && place !== null) return here(place)
  const { contextNamed, findContexts, hasContexts } = await import('./contexts/find-contexts.ts')
  if (named === null && !hasContexts(env)) return here('no other cluster is selected')
  const known = await findContexts(env)
  if (named !== null) return through(contextNamed(named.name, known), named.by, globals, globals.token)
  if (known.selected === null) return here('no other cluster is selected')
  const context = contextNamed(known.selected.name, known)
  const because = `it is selected in ${known.selected.file}`
  // Whoever made the current directory may have chosen that cluster: only what was named on purpose gets the user's token.
  const foreign = context.file.endsWith('/.gocluster.yaml') && context.file.startsWith(`${process.cwd()}/`)
  const isOfEnvironment = globals.token === variableOf(env, 'GANTRY_TOKEN')
  return through(context, because, globals, foreign && isOfEnvironment ? null : globals.token)
}

function through(context: ClusterContext, because: string, globals: Globals, token: string | null): Reach {
  const { tokenFile, servers, retries } = context
  const file = globals.tokenFile ?? (globals.tokenOption !== null ? null : tokenFile)
  const sent = file === null ? token : readToken(file)
  const [first, ...others] = servers.map((url) => targetAt(url, context, sent))
  const local: Target = { socketPath: context.socket ?? '', token: sent }
  return { servers: { targets: first === undefined ? [local] : [first, ...others], retries }, context, because }
}

function targetAt(url: string, { caFile, fingerprint, timeoutMs }: ClusterContext, token: string | null): Target {
  return {
    url,
    token,
    timeoutMs,
    ...(caFile === null ? {} : { ca: readInput(caFile) }),
    ...(fingerprint === null ? {} : { fingerprint }),
  }
}
