import { join } from 'node:path'
import { OperationalError } from '../core/errors.ts'
import { presentKey } from '../core/identity/key-change.ts'
import { objectOf } from '../core/incarnation/raise.ts'
import { AUTHORITY_KEY } from '../core/model/objects.ts'
import { clusterKeyId } from '../drivers/pki/seal.ts'
import { clusterKeyIn, keyInCopy } from './backup-file.ts'
import type { Recoverable, Recovery } from './recover.ts'

/** Finds what there is to go on with, whoever made it. */
export type LookForState = () => Promise<Recovery>

/**
 * The cluster key to recover with: this machine's own, or where it has none the copy in `file`. Throws as `clusterKeyIn`,
 * CONFIG_INVALID for a file that holds none, CONFLICT where both are there and differ: it names them, and says which of them
 * the state asks for.
 */
export async function recoveryKey(dataDir: string, file: string | null, look: LookForState): Promise<Buffer | null> {
  const own = await clusterKeyIn(dataDir)
  if (file === null) return own
  const copy = keyInCopy(file)
  if (own === null || own.equals(copy)) return copy
  const kept = join(dataDir, 'identity', 'cluster.key')
  const { best } = await look()
  throw new OperationalError(
    'CONFLICT',
    `${file} has the cluster key ${clusterKeyId(copy)}, and ${kept} has ${clusterKeyId(own)}: a state is recovered with the key that sealed it`,
    { hint: helpFor(best, { own, copy, kept, file }) },
  )
}

interface Keys {
  readonly own: Buffer
  readonly copy: Buffer
  /** Where this machine's own is. */
  readonly kept: string
  /** Where the copy is. */
  readonly file: string
}

function helpFor(best: Recoverable | null, { own, copy, kept, file }: Keys): string {
  const authority = best === null ? null : objectOf(best.state.records, AUTHORITY_KEY)
  if (best === null || authority === null) return 'leave --cluster-key-file out: this machine goes by its own key'
  const needed = presentKey(authority)
  if (needed === clusterKeyId(own)) return `leave --cluster-key-file out: ${best.from} needs ${needed}, which is here`
  if (needed !== clusterKeyId(copy))
    return `find the copy of cluster.key that has ${needed}: ${best.from} needs that one`
  const older = `after a change of the cluster key, \`gantry backup restore FILE --cluster-key-file ${file}\` puts a backup from before back`
  return `${best.from} needs ${needed}: put ${file} in the place of ${kept}, if that is not of this cluster; ${older}`
}
