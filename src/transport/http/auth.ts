import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { RetryLater } from './error-answer.ts'
import { FailedAttempts } from './failed-attempts.ts'

export interface Token {
  /** Shown in events; says nothing about the token. */
  readonly id: string
  /** Hex of its SHA-256: the server never keeps a token. */
  readonly sha256: string
}

export interface AuthOptions {
  /** Those that are good now. */
  readonly tokens: () => readonly Token[]
  readonly auth: 'token' | 'none'
  /** The host that the TCP listener was told to listen on; null: there is none. */
  readonly listenHost: string | null
  /** Other names of this server. */
  readonly names: readonly string[]
  readonly now: () => Millis
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]']

/** Whether only this machine can reach a listener on that host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/**
 * Decides who a request comes from. Whoever can open the socket is the local user; over TCP it takes a token, and the
 * request must have been meant for this server: a name that a foreign page pointed here, or a foreign origin, is refused.
 */
export class Gate {
  readonly #options: AuthOptions
  readonly #failed: FailedAttempts
  /** Refused since the start, for the metrics. */
  readonly refused = { UNAUTHENTICATED: 0, FORBIDDEN: 0, RATE_LIMITED: 0 }

  constructor(options: AuthOptions) {
    this.#options = options
    this.#failed = new FailedAttempts(options.now)
  }

  /** Throws FORBIDDEN or USAGE when the request was not meant for this server, whoever sent it. */
  checkAddressee(request: IncomingMessage): void {
    const { host, origin } = request.headers
    const names = request.rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host')
    if (host === undefined || names.length !== 1)
      throw new OperationalError('USAGE', 'the request needs one Host header')
    if (!this.#isOurName(host)) {
      this.refused.FORBIDDEN += 1
      throw new OperationalError('FORBIDDEN', `this server is not called ${host}`, {
        hint: 'use the address that it listens on',
      })
    }
    const site = request.headers['sec-fetch-site']
    if ((origin !== undefined && !isSameOrigin(origin, host)) || site === 'cross-site') {
      this.refused.FORBIDDEN += 1
      throw new OperationalError('FORBIDDEN', 'another site may not use this server')
    }
  }

  /** Who sends the request over TCP, as events name it. Throws UNAUTHENTICATED or RATE_LIMITED. */
  authenticate(request: IncomingMessage): string {
    if (this.#options.auth === 'none') return 'anyone on this machine'
    const address = request.socket.remoteAddress ?? ''
    const header = request.headers.authorization
    if (header === undefined) this.#refuse('the request carries no token')
    const wait = this.#failed.blockedFor(address)
    if (wait > 0) {
      this.refused.RATE_LIMITED += 1
      throw new RetryLater('RATE_LIMITED', 'too many wrong tokens came from this address', wait)
    }
    const [, given] = /^Bearer ([\x21-\x7e]+)$/i.exec(header) ?? []
    const token = given === undefined ? null : this.#find(given)
    if (token !== null) return `token ${token}`
    this.#failed.record(address)
    return this.#refuse('the token is wrong')
  }

  #refuse(message: string): never {
    this.refused.UNAUTHENTICATED += 1
    throw new OperationalError('UNAUTHENTICATED', message, { hint: 'send the header `authorization: Bearer TOKEN`' })
  }

  #find(given: string): string | null {
    const hash = createHash('sha256').update(given).digest()
    let found: string | null = null
    // Every token is compared, so the time tells nothing about which one was near.
    for (const { id, sha256 } of this.#options.tokens()) {
      const kept = Buffer.from(sha256, 'hex')
      if (hash.length === kept.length && timingSafeEqual(hash, kept)) found = id
    }
    return found
  }

  #isOurName(header: string): boolean {
    const { listenHost, names } = this.#options
    const name = header.replace(/:\d{1,5}$/, '').toLowerCase()
    if (LOOPBACK_NAMES.includes(name) || name === listenHost?.toLowerCase() || name === `[${listenHost}]`) return true
    if (names.some((one) => name === one.toLowerCase())) return true
    // An address cannot be pointed elsewhere, unlike a name; on a wildcard the server has more addresses than it knows.
    const wildcard = listenHost === '0.0.0.0' || listenHost === '::'
    return wildcard && isIP(name.replace(/^\[|\]$/g, '')) !== 0
  }
}

function isSameOrigin(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}
