import { parseClusterSecret } from '../core/identity/cluster-secret.ts'
import type { StretchedSecret } from '../core/model/identity.ts'
import { newStretchedSecret } from '../drivers/pki/stretched-secret.ts'

/** What a server is told of a secret that users made up. Throws USAGE for one that is not fit. */
export function stretchedFrom(text: string): Promise<StretchedSecret> {
  return newStretchedSecret(parseClusterSecret(text))
}
