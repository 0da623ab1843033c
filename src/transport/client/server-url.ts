import { OperationalError } from '../../core/errors.ts'

/** The parsed URL of a server. Throws USAGE when it is none. */
export function baseOf(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new OperationalError('USAGE', `${url} is not the address of a server`, {
      hint: 'such as http://127.0.0.1:8080',
    })
  }
  return parsed
}

/** Its host as sockets take it: an address of IPv6 without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

/** Throws USAGE where a token would travel in clear: beyond this machine only TLS carries it. */
export function checkCarrier(base: URL): void {
  if (base.protocol === 'https:' || /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(base.hostname)) return
  throw new OperationalError('USAGE', `no token is sent to ${base.origin}: everybody on the way could read it`, {
    hint: `use https://${base.host}`,
  })
}
