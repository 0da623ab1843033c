import { OperationalError } from '../../core/errors.ts'
import { describeCertificate, splitBundle } from './describe-certificate.ts'

/**
 * Picks from authorities that anybody may have sent the one that a join token names; trust it alone for the connection on
 * which the token is shown. Throws UNAUTHENTICATED when it is not among them.
 */
export function pinAuthority(bundle: string, authorityHash: string): string {
  const pinned = splitBundle(bundle).find((pem) => describeCertificate(pem).keyHash === authorityHash)
  if (pinned !== undefined) return pinned
  throw new OperationalError(
    'UNAUTHENTICATED',
    'cannot trust the server to join: its authority is not the one in the join token',
    {
      hint: 'the token is of another cluster or from before a change of its authority, or somebody is in between',
    },
  )
}
