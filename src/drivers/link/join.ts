import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import * as z from 'zod'
import { OperationalError } from '../../core/errors.ts'
import { parseIdentity, STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import { parseJoinToken } from '../../core/identity/join-token.ts'
import { type NodeIdentity, ROLES, type Role } from '../../core/model/identity.ts'
import type { Millis } from '../../core/model/ids.ts'
import { describeCertificate } from '../pki/describe-certificate.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { certificateFault } from '../pki/judge-validity.ts'
import { mutualTls } from '../pki/mutual-tls.ts'
import { pinAuthority } from '../pki/pin-authority.ts'
import { newKeyAndRequest } from '../pki/request.ts'
import { hostAndPort } from './address.ts'
import { encodeFrame, framesOf } from './frames.ts'
import { fromWireError, toWireError } from './wire-error.ts'

/** The protocol of machines that have no certificate yet, in TLS's list of protocols. */
export const JOIN_PROTOCOL = 'gantry-join/1'

const ANSWER_WITHIN_MS: Millis = 15_000

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
  /** `keyHash`: of a certificate that the machine had before, whoever signed that; null: none. */
  readonly admit: (message: JoinMessage, keyHash: string | null) => Promise<Admitted>
  /** A new certificate for whoever has that key; `identity`: what a good certificate says, null without one. */
  readonly renew: (
    who: { readonly identity: NodeIdentity | null; readonly keyHash: string },
    request: string,
  ) => Promise<Renewed>
}

/**
 * Serves one machine that wants to join, which is not believed before it has shown its token, or that wants to stay: `peer`
 * is who its certificate says it is, null without a good one. TLS has proved that it has the key of any certificate it shows.
 */
export async function serveJoin(socket: TLSSocket, peer: NodeIdentity | null, services: JoinServices): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), ANSWER_WITHIN_MS)
  const address = socket.remoteAddress ?? ''
  const shown = socket.getPeerX509Certificate()
  const keyHash = shown === undefined ? null : describeCertificate(shown).keyHash
  try {
    for await (const frame of framesOf(socket, { destroyOnReturn: false })) {
      const message = asked.parse(frame)
      if (message.kind === 'authorities') socket.write(encodeFrame({ value: services.bundle() }))
      else if (message.kind === 'renew') {
        if (keyHash === null)
          throw new OperationalError('FORBIDDEN', 'only a node of the cluster can renew its certificate')
        socket.write(encodeFrame({ value: await services.renew({ identity: peer, keyHash }, message.request) }))
      } else {
        const waitMs = services.blockedFor(address)
        if (waitMs > 0)
          throw new OperationalError('RATE_LIMITED', 'too many failed attempts to join came from this address')
        socket.write(encodeFrame({ value: await services.admit(message, keyHash) }))
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
  /** What this machine was before, which it proves to be so again; null: nothing. */
  readonly present?: StoredIdentity | null
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
  { token: text, role, name, addresses, present = null }: JoinOptions,
): Promise<{ readonly clusterId: string; readonly nodeId: number; readonly identity: StoredIdentity }> {
  const token = parseJoinToken(text)
  const bundle = z.string().parse(await ask(server, NOBODY, { kind: 'authorities' }))
  const pinned = pinAuthority(bundle, token.authorityHash)
  const { key, request } = await newKeyAndRequest()
  const { id: tokenId, secret } = token
  const trust = { ...trustOf(pinned), ...(present !== null && { key: present.key, cert: present.certificate }) }
  const answer = await ask(server, trust, { kind: 'join', tokenId, secret, role, name, addresses, request })
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
      const { certificate, bundle } = renewed.parse(await ask(server, mutualTls(present), { kind: 'renew', request }))
      return { ...present, key, certificate, bundle }
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      failure = error
    }
  }
  throw failure
}

/** Whoever answers; nothing secret may be said to him. */
const NOBODY: ConnectionOptions = { rejectUnauthorized: false }

/** One question to a server; `trust`: whom to believe, and what to show. */
function ask(server: string, trust: ConnectionOptions, question: object): Promise<unknown> {
  const { host, port } = hostAndPort(server)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ALPNProtocols: [JOIN_PROTOCOL], minVersion: 'TLSv1.3', ...trust })
    const fail = (error: unknown): void => {
      socket.destroy()
      reject(error instanceof OperationalError ? error : unreachable(server, error))
    }
    socket.setTimeout(ANSWER_WITHIN_MS, () => fail(new Error('no answer')))
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      if (trust !== NOBODY && !isServer(socket)) {
        fail(new OperationalError('FORBIDDEN', `what answers at ${server} is no server of the cluster`))
        return
      }
      socket.write(encodeFrame(question))
      void answerOf(socket).then(resolve, fail)
    })
  })
}

function trustOf(authority: string): ConnectionOptions {
  return { ca: authority, servername: STABLE_NAME }
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
  const why = certificateFault(code ?? '', Date.now()) ?? code ?? message
  return new OperationalError('UNAVAILABLE', `cannot join at ${server}: ${why}`, {
    hint: 'does a server of the cluster listen there, and may this machine reach it?',
    cause: error,
  })
}
