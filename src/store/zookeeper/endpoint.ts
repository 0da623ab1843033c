import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { OperationalError } from '../../core/errors.ts'

const DEFAULT_PORT = 2181

/** A connection as Node has it. */
export type ServerSocket = Socket

/** Where one server listens. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** What proves who we are, and whom we trust: texts in PEM. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Name in the server's certificate, where it is not the one that is dialled. */
  readonly serverName?: string
}

/** Reads `host`, `host:port` or `[address]:port`; the port is 2181 if none is given. Throws CONFIG_INVALID. */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? DEFAULT_PORT)
  if (host === undefined || port < 1 || port > 65_535) {
    throw new OperationalError('CONFIG_INVALID', `cannot use "${text}" as a ZooKeeper server: it is not host:port`)
  }
  return { host, port }
}

/** Starts to connect; the socket tells when it has, by `connect` or `secureConnect`. */
export function dial({ host, port }: Endpoint, tls: TlsOptions | null): ServerSocket {
  if (tls === null) return connect({ host, port, noDelay: true })
  const { serverName, ...secrets } = tls
  const socket = connectTls({ host, port, ...secrets, ...(serverName === undefined ? {} : { servername: serverName }) })
  return socket.setNoDelay(true)
}
