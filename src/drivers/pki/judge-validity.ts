import type { X509Certificate } from 'node:crypto'
import type { Millis } from '../../core/model/ids.ts'
import { describeCertificate, readCertificate, splitBundle } from './describe-certificate.ts'

export interface ValidityFault {
  /** Whether it is only the time that is wrong: one of our authorities signed it, so its node may have another one. */
  readonly isOurs: boolean
  readonly message: string
}

/**
 * Says why TLS did not accept the certificate of the other end. Where it is a matter of time both clocks are named, for one
 * of them may be wrong. `whose`: of whose clock `now` is, e.g. `this server's`.
 */
export function judgeValidity(certificate: X509Certificate, bundle: string, now: Millis, whose: string): ValidityFault {
  const isOurs = splitBundle(bundle)
    .map(readCertificate)
    .some((authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey))
  if (!isOurs) return { isOurs, message: 'its certificate is of an authority that is not trusted here' }
  const { notBefore, notAfter } = describeCertificate(certificate)
  const clock = `${whose} clock says ${moment(now)}`
  if (now >= notAfter) return { isOurs, message: `its certificate was good until ${moment(notAfter)}, and ${clock}` }
  if (now < notBefore) {
    return { isOurs, message: `its certificate is good from ${moment(notBefore)} on, and ${clock}: one clock is wrong` }
  }
  return { isOurs: false, message: 'its certificate is not good' }
}

/** Why a TLS handshake failed, as far as the code of the error tells. */
export function certificateFault(code: string, now: Millis): string | null {
  const clock = `this machine's clock says ${moment(now)}`
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return `its certificate has expired, or a clock is wrong: ${clock}`
    case 'CERT_NOT_YET_VALID':
      return `its certificate is not good yet, so a clock is wrong: ${clock}`
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return `its certificate is of an authority that this machine does not trust (${code}): it is of another cluster, or the authority was changed while this machine was away; then start it with a new join token`
    default:
      return null
  }
}

function moment(at: Millis): string {
  return new Date(at).toISOString()
}
