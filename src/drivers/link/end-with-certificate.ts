import type { Millis } from '../../core/model/ids.ts'
import type { CertificateTerms } from '../pki/describe-certificate.ts'

const LOOK_EVERY_MS: Millis = 20_000

interface Endable {
  end(reason: string): void
  onEnd(call: () => void): void
}

/**
 * Ends a connection when the certificate of the other end does, by this machine's clock. `early` in [0, 1): where many would
 * end at the same moment, so far before it, as a part of the last tenth of its life.
 */
export function endWithCertificate(
  session: Endable,
  { notBefore, notAfter }: Pick<CertificateTerms, 'notBefore' | 'notAfter'>,
  early = 0,
): void {
  const margin = (notAfter - notBefore) * 0.1 * early
  // One that is near its end already is used to the end, or whoever comes back would be sent away at once.
  const at = Date.now() < notAfter - margin ? notAfter - margin : notAfter
  let timer: NodeJS.Timeout
  const look = (): void => {
    const left = at - Date.now()
    if (left <= 0) session.end('the certificate of the other end has expired')
    // Looked at again and again, for clocks are set.
    else timer = setTimeout(look, Math.min(left, LOOK_EVERY_MS))
  }
  look()
  session.onEnd(() => clearTimeout(timer))
}
