import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import * as z from 'zod'
import { OperationalError } from '../../core/errors.ts'
import { parseIdentity, STABLE_NAME } from '../../core/identity/certificate-policy.ts'
import { parseJoinSecret } from '../../core/identity/cluster-secret.ts'
import type { JoinToken } from '../../core/identity/join-token.ts'
import type { NodeIdentity, Role } from '../../core/model/identity.ts'
import type { Millis } from '../../core/model/ids.ts'
import { networkFailure } from '../../lib/network-failure.ts'
import { describeCertificate } from '../pki/describe-certificate.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { certificateFault } from '../pki/judge-validity.ts'
import { asClusterKeys } from '../pki/key-ring.ts'
import { mutualTls } from '../pki/mutual-tls.ts'
import { pinAuthority } from '../pki/pin-authority.ts'
import { newKeyAndRequest } from '../pki/request.ts'
import type { SecretKeeper } from '../pki/secret-exchange.ts'
import { hostAndPort } from './address.ts'
import { encodeFrame, framesOf } from './frames.ts'
import { type Conversation, joinBySecret, ProofOfSecret, proving } from './join-by-secret.ts'
import { type Admitted, admitted, type Joining, joining } from './join-forms.ts'
import { fromWireError, toWireError } from './wire-error.ts'

/** The protocol of machines that have no certificate yet, in TLS's list of protocols. */
export const JOIN_PROTOCOL = 'gantry-join/1'

const ANSWER_WITHIN_MS: Millis = 15_000
const PROBE_WITHIN_MS: Millis = 3_000
const CLOSES_WITHIN_MS: Millis = 2_000
/** Whoever asks is a stranger: a question is a certificate request and a few names. */
const MAX_QUESTION_BYTES = 32 * 1024
/** Joining with the cluster secret takes three. */
const MOST_QUESTIONS = 8
/** An answer is some certificates; who gives it is not known before. */
const MAX_ANSWER_BYTES = 1024 * 1024

const byToken = joining.extend({
  kind: z.literal('join'),
  tokenId: z.string().max(40),
  secret: z.string().max(200),
})
export type JoinMessage = z.infer<typeof byToken>

const renewing = z.object({ kind: z.literal('renew'), request: z.string().max(8_192) })

/** A node that runs nothing any more; null: its agent has never said who it is. */
const leaving = z.object({ kind: z.literal('leave'), machineId: z.string().max(300).nullable() })

const asked = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('authorities') }),
  z.object({ kind: z.literal('time') }),
  byToken,
  renewing,
  leaving,
  ...proving,
])

const renewed = z.object({ certificate: z.string(), bundle: z.string() })
export type Renewed = z.infer<typeof renewed>

export interface JoinServices {
  /** The authorities that are trusted, PEM. */
  readonly bundle: () => string
  /** How long this address has to wait; 0: not at all. */
  readonly blockedFor: (address: string) => Millis
  readonly onRefused: (address: string) => void
  /**
   * Takes one of the few places of those who are challenged at the same time, until what it returns is called; null: none
   * is free.
   */
  readonly beginProof: (address: string) => (() => void) | null
  /** `keyHash`: of a certificate that the machine had before, whoever signed that; null: none. */
  readonly admit: (message: JoinMessage, keyHash: string | null) => Promise<Admitted>
  /** What this server knows of the cluster secret; null: there is none, and machines join with tokens. */
  readonly keeper: () => SecretKeeper | null
  /** Lets a machine in that has proved that it knows the cluster secret; `keyHash`: as of `admit`. */
  readonly admitBySecret: (candidate: Joining, keyHash: string | null) => Promise<Admitted>
  /** A new certificate for whoever has that key; `identity`: what a good certificate says, null without one. */
  readonly renew: (
    who: { readonly identity: NodeIdentity | null; readonly keyHash: string },
    request: string,
  ) => Promise<Renewed>
  /** Takes the node out of the cluster, which says that it runs nothing any more. */
  readonly leave: (identity: NodeIdentity, machineId: string | null) => Promise<void>
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
  const proof = new ProofOfSecret(socket, services)
  const asking = { address, peer, keyHash, proof, services }
  let questions = 0
  try {
    for await (const frame of framesOf(socket, { destroyOnReturn: false, most: MAX_QUESTION_BYTES })) {
      questions += 1
      if (questions > MOST_QUESTIONS)
        throw new OperationalError('LIMIT_EXCEEDED', 'whoever joins does not ask that much')
      socket.write(encodeFrame({ value: await answerTo(asked.parse(frame), asking) }))
    }
    // A guess that was given up is one that was tried.
    if (proof.isOpen) services.onRefused(address)
  } catch (error) {
    if (proof.isOpen || (error instanceof OperationalError && error.code === 'UNAUTHENTICATED'))
      services.onRefused(address)
    const known = error instanceof z.ZodError ? new OperationalError('USAGE', 'that is no request to join') : error
    if (!socket.destroyed) socket.write(encodeFrame({ error: toWireError(known) }))
  } finally {
    clearTimeout(timer)
    proof.end()
    socket.end()
    // Whoever has had his answer may keep his end open.
    const late = setTimeout(() => socket.destroy(), CLOSES_WITHIN_MS)
    socket.once('close', () => clearTimeout(late))
  }
}

interface Asking {
  readonly address: string
  readonly peer: NodeIdentity | null
  /** Of the certificate that it shows, good or not. */
  readonly keyHash: string | null
  readonly proof: ProofOfSecret
  readonly services: JoinServices
}

function answerTo(message: z.infer<typeof asked>, { address, peer, keyHash, proof, services }: Asking): unknown {
  switch (message.kind) {
    case 'authorities':
      return services.bundle()
    case 'time':
      return Date.now()
    case 'leave':
      if (peer === null) throw new OperationalError('FORBIDDEN', 'only a node of the cluster can leave it')
      return services.leave(peer, message.machineId).then(() => true)
    case 'renew':
      if (keyHash === null)
        throw new OperationalError('FORBIDDEN', 'only a node of the cluster can renew its certificate')
      return services.renew({ identity: peer, keyHash }, message.request)
    case 'join':
      requireFree(address, services)
      return services.admit(message, keyHash)
    case 'hello':
      requireFree(address, services)
      return proof.challenge(message, address)
    case 'prove':
      return proof.check(message)
    case 'enter':
      return services.admitBySecret(proof.candidate(message), keyHash)
  }
}

function requireFree(address: string, services: JoinServices): void {
  if (services.blockedFor(address) === 0) return
  throw new OperationalError('RATE_LIMITED', 'too many failed attempts to join came from this address')
}

export interface JoinOptions {
  readonly servers: readonly string[]
  /** Text of a join token, or the cluster secret. */
  readonly token: string
  readonly role: Role
  readonly name: string
  readonly addresses: readonly string[]
  /** What this machine was before, which it proves to be so again; null: nothing. */
  readonly present?: StoredIdentity | null
}

/** What a machine has become by joining. */
export interface Joined {
  readonly clusterId: string
  readonly nodeId: number
  readonly identity: StoredIdentity
}

/**
 * Joins a cluster: learns the authority, checks it against the token, shows the token to a server that the authority
 * vouches for, and gets an identity; or proves the cluster secret, and has the server prove it, before anything is
 * believed. Tries one server after the other. Throws UNAUTHENTICATED, CONFLICT, UNAVAILABLE.
 */
export async function joinCluster(options: JoinOptions): Promise<Joined> {
  const given = parseJoinSecret(options.token)
  let failure: unknown = new OperationalError('USAGE', 'cannot join: no server is named')
  for (const server of options.servers) {
    try {
      if (given.kind === 'token') return await joinAt(server, given.token, options)
      const { key, request } = await newKeyAndRequest()
      const { role, name, addresses } = options
      const asking = { role, name, addresses: [...addresses], request }
      const talk = (conversation: Conversation): Promise<Admitted> => joinBySecret(conversation, given.secret, asking)
      return joinedWith(key, await converse(server, { ...NOBODY, ...shownBy(options.present ?? null) }, talk))
    } catch (error) {
      if (!(error instanceof OperationalError) || error.traits.retry === 'never') throw error
      failure = error
    }
  }
  throw failure
}

async function joinAt(server: string, token: JoinToken, options: JoinOptions): Promise<Joined> {
  const { role, name, addresses, present = null } = options
  const bundle = z.string().parse(await ask(server, NOBODY, { kind: 'authorities' }))
  const pinned = pinAuthority(bundle, token.authorityHash)
  const { key, request } = await newKeyAndRequest()
  const { id: tokenId, secret } = token
  const trust = { ...trustOf(pinned), ...shownBy(present) }
  const answer = await ask(server, trust, { kind: 'join', tokenId, secret, role, name, addresses, request })
  return joinedWith(key, admitted.parse(answer))
}

/** The certificate that a machine had before, with the proof that it has its key. */
function shownBy(present: StoredIdentity | null): ConnectionOptions {
  return present === null ? {} : { key: present.key, cert: present.certificate }
}

function joinedWith(key: string, { clusterId, nodeId, certificate, bundle, clusterKey }: Admitted): Joined {
  const keys = (clusterKey?.split('\n') ?? []).map((text) => Buffer.from(text, 'hex'))
  return { clusterId, nodeId, identity: { key, certificate, bundle, ...asClusterKeys(keys) } }
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

/** Whether a server that has a cluster answers there. Whoever answers proves nothing. */
export async function isServerThere(server: string): Promise<boolean> {
  try {
    return z.string().parse(await ask(server, NOBODY, { kind: 'authorities' }, PROBE_WITHIN_MS)) !== ''
  } catch (error) {
    if (error instanceof OperationalError || error instanceof z.ZodError) return false
    throw error
  }
}

/**
 * Takes this node out of its cluster: it runs nothing any more. Asks one server after the other. Throws UNAVAILABLE, or what
 * the last one said.
 */
export async function leaveCluster(
  servers: readonly string[],
  present: StoredIdentity,
  machineId: string | null,
): Promise<void> {
  let failure: unknown = new OperationalError('UNAVAILABLE', 'no other server is known')
  for (const server of servers) {
    try {
      await ask(server, mutualTls(present), { kind: 'leave', machineId })
      return
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error
      failure = error
    }
  }
  throw failure
}

/** What a server's clock says, in milliseconds since 1970; nobody vouches for it. Throws UNAVAILABLE where no server answers. */
export async function timeAt(server: string): Promise<Millis> {
  return z.number().parse(await ask(server, NOBODY, { kind: 'time' }))
}

/** One question to a server; `trust`: whom to believe, and what to show. */
function ask(
  server: string,
  trust: ConnectionOptions,
  question: object,
  withinMs: Millis = ANSWER_WITHIN_MS,
): Promise<unknown> {
  return converse(server, trust, (conversation) => conversation.ask(question), withinMs)
}

/** Talks to a server over one connection. `trust`: whom to believe, and what to show. */
function converse<T>(
  server: string,
  trust: ConnectionOptions,
  talk: (conversation: Conversation) => Promise<T>,
  withinMs: Millis = ANSWER_WITHIN_MS,
): Promise<T> {
  const { host, port } = hostAndPort(server)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ALPNProtocols: [JOIN_PROTOCOL], minVersion: 'TLSv1.3', ...trust })
    const fail = (error: unknown): void => {
      socket.destroy()
      reject(error instanceof OperationalError ? error : unreachable(server, error))
    }
    socket.setTimeout(withinMs, () => fail(new Error('no answer')))
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      if (trust !== NOBODY && !isServer(socket)) {
        fail(new OperationalError('FORBIDDEN', `what answers at ${server} is no server of the cluster`))
        return
      }
      const answers = framesOf(socket, { most: MAX_ANSWER_BYTES })
      talk({
        socket,
        ask: (question) => {
          socket.write(encodeFrame(question))
          return nextOf(answers)
        },
      })
        .then(resolve, fail)
        .finally(() => socket.end())
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

async function nextOf(answers: AsyncGenerator<unknown>): Promise<unknown> {
  const { done, value: frame } = await answers.next()
  if (done === true) throw new Error('the connection was closed')
  const { value, error } = frame as { value?: unknown; error?: unknown }
  if (error !== undefined) throw fromWireError(error)
  return value
}

function unreachable(server: string, error: unknown): OperationalError {
  const { code = '', message } = error as NodeJS.ErrnoException
  const why = certificateFault(code, Date.now()) ?? networkFailure(code) ?? (code || message)
  return new OperationalError('UNAVAILABLE', `cannot join at ${server}: ${why}`, {
    hint: 'does a server of the cluster listen there, and may this machine reach it?',
    cause: error,
  })
}
