import { OperationalError } from '../../core/errors.ts'
import { isServerThere } from '../../drivers/link/join.ts'
import { IdentityFiles } from '../../drivers/pki/identity-files.ts'
import { listKeys } from '../../drivers/pki/key-ring.ts'
import { type Identity, joinAndKeep, readIdentity } from '../identity.ts'
import type { Progress } from './progress.ts'
import type { ServerList } from './server-list.ts'

export interface BeginOptions {
  readonly dataDir: string
  readonly name: string
  /** Where the others dial this server. */
  readonly host: string
  readonly list: ServerList
  /** Text that lets it join; null: there is none yet. */
  readonly joinText: () => string | null
}

/** What a server starts with. */
export interface Beginning {
  /** The one to go by first; a second one while the cluster key is changed. */
  readonly keys: readonly [Buffer, ...Buffer[]]
  /** It is the first of a cluster that is not there yet. */
  readonly mayFound: boolean
}

const AGAIN_MS = 1_000

/**
 * Makes this machine a server of the cluster, or finds that it is the first one of it. Waits for the others as long as
 * there is a reason to.
 */
export async function beginServer(options: BeginOptions, progress: Progress): Promise<Beginning> {
  for (;;) {
    const identity = await readIdentity(options.dataDir)
    if (identity !== null) return { keys: keysOf(identity), mayFound: false }
    const waiting = options.list.isFirst ? await foundOrJoin(options) : await join(options)
    if (typeof waiting !== 'string') return waiting
    await progress.wait(waiting, AGAIN_MS)
  }
}

function keysOf({ role, nodeId, files }: Identity): Beginning['keys'] {
  const [key, ...others] = listKeys(files)
  if (role === 'server' && key !== undefined) return [key, ...others]
  throw new OperationalError('CONFIG_INVALID', `this machine is agent ${nodeId}, and no server`, {
    hint: 'start it with `gantry agent`',
  })
}

/** The first of the list founds the cluster, unless one of the others has one already: its own disk was lost then. */
async function foundOrJoin(options: BeginOptions): Promise<Beginning | string> {
  const { dataDir, list, joinText } = options
  const there = await Promise.all(list.others.map(isServerThere))
  if (there.includes(true)) return join(options)
  // A join token is made by a cluster: there is one, though nobody of it answers now.
  if (joinText()?.startsWith('GJT') === true) return `none of ${list.others.join(', ')} answers`
  return { keys: [await new IdentityFiles(dataDir).foundingKey()], mayFound: true }
}

/** Resolves with what it waits for while it cannot. */
async function join({ dataDir, name, host, list, joinText }: BeginOptions): Promise<string> {
  const token = joinText()
  if (token === null)
    return 'there is no join token yet: `gantry join-token create --role server` on a server makes one'
  try {
    await joinAndKeep(dataDir, { servers: list.others, token, role: 'server', name, addresses: [host] })
    return 'the identity is being written'
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    // A name that is taken is free again once somebody removes that node.
    if (error.traits.retry === 'never' && error.code !== 'CONFLICT') throw error
    return error.hint === '' ? error.message : `${error.message} (${error.hint})`
  }
}
