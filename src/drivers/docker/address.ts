import { OperationalError } from '../../core/errors.ts'

/** Where an engine listens: a unix socket, or a TCP port of this machine. */
export type EngineAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

const DEFAULT_SOCKET = '/var/run/docker.sock'
const PLAIN_PORT = 2375
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/**
 * Reads a value of DOCKER_HOST; empty: the engine's usual socket. Throws CONFIG_INVALID for what it cannot use: whoever
 * reaches an engine is root on its machine, so TCP without TLS is accepted on loopback only.
 */
export function parseEngineAddress(text: string): EngineAddress {
  if (text === '') return { kind: 'socket', path: DEFAULT_SOCKET }
  if (text.startsWith('unix:///')) return { kind: 'socket', path: text.slice('unix://'.length) }
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'tcp:' && url.protocol !== 'http:')) {
    throw invalid(`DOCKER_HOST is ${text}, which is not an address of an engine`)
  }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!LOOPBACK.test(host)) throw invalid(`DOCKER_HOST is ${text}, which is not on this machine and has no TLS`)
  // A URL leaves out the usual port of its scheme, which for http is 80.
  const port = Number(url.port || (url.protocol === 'http:' ? 80 : PLAIN_PORT))
  return { kind: 'tcp', host, port }
}

/** As DOCKER_HOST has it. */
export function printEngineAddress(address: EngineAddress): string {
  if (address.kind === 'socket') return `unix://${address.path}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `tcp://${host}:${address.port}`
}

function invalid(message: string): OperationalError {
  return new OperationalError('CONFIG_INVALID', message, {
    hint: 'use unix:///path/to/socket, or tcp://127.0.0.1:port for an engine of this machine',
  })
}
