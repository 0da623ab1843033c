import { connect, type TLSSocket } from 'node:tls'
import * as z from 'zod'
import { OperationalError } from '../../core/errors.ts'
import { parseIdentity, STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import { parseJoinToken } from '../../core/identity/join-token.ts'
import { type NodeIdentity, ROLES, type Role } from '../../core/model/identity.ts'
import type { Millis } from '../../core/model/ids.ts'
import { describeCertificate } from '../pki/describe-certificate.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { mutualTls } from '../pki/mutual-tls.ts'
import { pinAuthority } from '../pki/pin-authority.ts'
import { newKeyAndRequest } from '../pki/request.ts'
import { hostAndPort } from './address.ts'
import { encodeFrame, framesOf } from './frames.ts'
import { fromWireError, toWireError } from './wire-error.ts'

/** The protocol of machines that have no certificate yet, in TLS's list of protocols. */
export const JOIN_PROTOCOL = 'gantry-join/1'

const ANSWER_WITHIN_MS: Millis = 15_000
const PROBE_WITHIN_MS: Millis = 3_000

const joining = z.object({
  kind: z.literal('join'),
  tokenId: z.string().max(40),
  secret: z.string().max(200),
  role: z.enum(ROLES),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,252}$/),
  addresses: z.array(z.string().max(253)).max(10),
  request: z.string().max(8_192),
})
export type JoinMessage = z.infer<typeof joining>

const renewing = z.object({ kind: z.literal('renew'), request: z.string().max(8_192) })

const asked = z.discriminatedUnion('kind', [z.object({ kind: z.literal('authorities') }), joining, renewing])

const renewed = z.object({ certificate: z.string(), bundle: z.string() })
export type Renewed = z.infer<typeof renewed>

const admitted = z.object({
  clusterId: z.string(),
  nodeId: z.number().int().positive(),
  certificate: z.string(),
  bundle: z.string(),
  clusterKey: z.string().nullable(),
})
export type Admitted = z.infer<typeof admitted>

export interface JoinServices {
  /** The authorities that are trusted, PEM. */
  readonly bundle: () => string
  /** How long this address has to wait; 0: not at all. */
  readonly blockedFor: (address: string) => Millis
  readonly onRefused: (address: string) => void
  readonly admit: (message: JoinMessage) => Promise<Admitted>
  /** A new certificate for who the present one says. */
  readonly renew: (identity: NodeIdentity, request: string) => Promise<Renewed>
}

/**
 * Serves one machine that wants to join, which is not believed before it has shown its token, or that wants to stay: `peer`
 * is who its certificate says it is, null without one.
 */
export async function serveJoin(socket: TLSSocket, peer: NodeIdentity | null, services: JoinServices): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), ANSWER_WITHIN_MS)
  const address = socket.remoteAddress ?? ''
  try {
    for await (const frame of framesOf(socket, { destroyOnReturn: false })) {
      const message = asked.parse(frame)
      if (message.kind === 'authorities') socket.write(encodeFrame({ value: services.bundle() }))
      else if (message.kind === 'renew') {
        if (peer === null)
          throw new OperationalError('FORBIDDEN', 'only a node of the cluster can renew its certificate')
        socket.write(encodeFrame({ value: await services.renew(peer, message.request) }))
      } else {
        const waitMs = services.blockedFor(address)
        if (waitMs > 0)
          throw new OperationalError('RATE_LIMITED', 'too many failed attempts to join came from this address')
        socket.write(encodeFrame({ value: await services.admit(message) }))
      }
    }
  } catch (error) {
    if (error instanceof OperationalError && error.code === 'UNAUTHENTICATED') services.onRefused(address)
    const known = error instanceof z.ZodError ? new OperationalError('USAGE', 'that is no request to join') : error
    if (!socket.destroyed) socket.write(encodeFrame({ error: toWireError(known) }))
  } finally {
    clearTimeout(timer)
    socket.end()
  }
}

export interface JoinOptions {
  readonly servers: readonly string[]
  /** Text of the join token. */
  readonly token: string
  readonly role: Role
  readonly name: string
  readonly addresses: readonly string[]
}

/**
 * Joins a cluster: learns the authority, checks it against the token, shows the token to a server that the authority
 * vouches for, and gets an identity. Tries one server after the other. Throws UNAUTHENTICATED, CONFLICT, UNAVAILABLE.
 */
export async function joinCluster(
  options: JoinOptions,
): Promise<{ readonly clusterId: string; readonly nodeId: number; readonly identity: StoredIdentity }> {
  let failure: unknown = new OperationalError('USAGE', 'cannot join: no server is named')
  for (const server of options.servers) {
    try {
      return await joinAt(server, options)
    } catch (error) {
      if (!(error instanceof OperationalError) || error.traits.retry === 'never') throw error
      failure = error
    }
  }
  throw failure
}

async function joinAt(
  server: string,
  { token: text, role, name, addresses }: JoinOptions,
): Promise<{ readonly clusterId: string; readonly nodeId: number; readonly identity: StoredIdentity }> {
  const token = parseJoinToken(text)
  const bundle = z.string().parse(await ask(server, null, { kind: 'authorities' }))
  const pinned = pinAuthority(bundle, token.authorityHash)
  const { key, request } = await newKeyAndRequest()
  const { id: tokenId, secret } = token
  const answer = await ask(server, pinned, { kind: 'join', tokenId, secret, role, name, addresses, request })
  const { clusterId, nodeId, certificate, bundle: trusted, clusterKey } = admitted.parse(answer)
  const identity = {
    key,
    certificate,
    bundle: trusted,
    clusterKey: clusterKey === null ? null : Buffer.from(clusterKey, 'hex'),
  }
  return { clusterId, nodeId, identity }
}

/**
 * Asks one server after the other for a new certificate for the same identity, with a new key. Throws UNAVAILABLE when none
 * gives one.
 */
export async function renewIdentity(servers: readonly string[], present: StoredIdentity): Promise<StoredIdentity> {
  let failure: unknown = new OperationalError('UNAVAILABLE', 'no server is known')
  for (const server of servers) {
    try {
      const { key, request } = await newKeyAndRequest()
      const { certificate, bundle } = renewed.parse(await ask(server, present, { kind: 'renew', request }))
      return { ...present, key, certificate, bundle }
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      failure = error
    }
  }
  throw failure
}

/** Whether a server that has a cluster answers there. Whoever answers proves nothing. */
export async function isServerThere(server: string): Promise<boolean> {
  try {
    return z.string().parse(await ask(server, null, { kind: 'authorities' }, PROBE_WITHIN_MS)) !== ''
  } catch (error) {
    if (error instanceof OperationalError || error instanceof z.ZodError) return false
    throw error
  }
}

/**
 * One question to a server. `trust`: the authority to believe, PEM, or our identity; null: nobody is believed yet, so nothing
 * secret may be said.
 */
function ask(
  server: string,
  trusted: string | StoredIdentity | null,
  question: object,
  withinMs: Millis = ANSWER_WITHIN_MS,
): Promise<unknown> {
  const { host, port } = hostAndPort(server)
  const trust = trustOf(trusted)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ALPNProtocols: [JOIN_PROTOCOL], minVersion: 'TLSv1.3', ...trust })
    const fail = (error: unknown): void => {
      socket.destroy()
      reject(error instanceof OperationalError ? error : unreachable(server, error))
    }
    socket.setTimeout(withinMs, () => fail(new Error('no answer')))
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      if (trusted !== null && !isServer(socket)) {
        fail(new OperationalError('FORBIDDEN', `what answers at ${server} is no server of the cluster`))
        return
      }
      socket.write(encodeFrame(question))
      void answerOf(socket).then(resolve, fail)
    })
  })
}

function trustOf(trusted: string | StoredIdentity | null): object {
  if (trusted === null) return { rejectUnauthorized: false }
  return typeof trusted === 'string' ? { ca: trusted, servername: STABLE_NAME } : mutualTls(trusted)
}

function isServer(socket: TLSSocket): boolean {
  const certificate = socket.getPeerX509Certificate()
  const uri = certificate === undefined ? null : describeCertificate(certificate).uri
  return uri !== null && parseIdentity(uri)?.role === 'server'
}

async function answerOf(socket: TLSSocket): Promise<unknown> {
  for await (const frame of framesOf(socket)) {
    socket.end()
    const { value, error } = frame as { value?: unknown; error?: unknown }
    if (error !== undefined) throw fromWireError(error)
    return value
  }
  throw new Error('the connection was closed')
}

function unreachable(server: string, error: unknown): OperationalError {
  const { code, message } = error as NodeJS.ErrnoException
  return new OperationalError('UNAVAILABLE', `cannot join at ${server}: ${code ?? message}`, {
    hint: 'does a server of the cluster listen there, and may this machine reach it?',
    cause: error,
  })
}
