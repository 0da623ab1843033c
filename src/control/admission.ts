import { OperationalError } from '../core/errors.ts'
import { wantedKeys } from '../core/identity/key-change.ts'
import { judgeToken, useToken } from '../core/identity/token-record.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { CertificateAuthority, JoinTokenRecord, Role, StretchedSecret } from '../core/model/identity.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import { NO_SETTINGS, type Node } from '../core/model/node.ts'
import { AUTHORITY_KEY, CLUSTER_KEY, type Key, keyOf } from '../core/model/objects.ts'
import type { JoinTokenView } from '../core/model/view.ts'
import { smallestFree } from '../core/node/join.ts'
import type { Certifier } from '../ports/certifier.ts'
import { sleep } from '../ports/clock.ts'
import type { Commit, Write } from '../ports/store.ts'
import { type AcceptDeps, commitOnce } from './accept-change.ts'
import type { Caller } from './api.ts'
import { certificatesOf, issueWrites } from './node-certificates.ts'

export interface AdmissionDeps extends AcceptDeps {
  /** null: this server has no authority, because it listens for no other machine. */
  readonly certifier: Certifier | null
}

/** What a machine says that wants to belong to the cluster. */
export interface JoinRequest {
  readonly role: Role
  readonly name: string
  readonly addresses: readonly string[]
  /** Its certificate request, PEM: proves that it has the private key. */
  readonly request: string
  /** The key of a certificate that it had before, if it proves that; null: none. */
  readonly keyHash?: string | null
}

/** One with a join token. */
export interface TokenRequest extends JoinRequest {
  readonly tokenId: string
  readonly secret: string
}

/** What it gets. */
export interface Admission {
  readonly clusterId: string
  readonly nodeId: NodeId
  readonly certificate: string
  readonly bundle: string
  /** Hex, one a line, the one to go by first; for servers only. */
  readonly clusterKey: string | null
}

const TRIES = 5
/** Other servers let machines in at the same time: each round one of them gets the id that all had in mind. */
const ADMISSION_TRIES = 20
const PAUSE_MS: Millis = 10
/** Whoever was let in and has said nothing for so long never got the answer: it asks for 15 s at most. */
const NEVER_CAME_MS: Millis = 30_000

/** Makes a join token. Its text is shown this once. */
export async function createJoinToken(
  wish: { readonly role: Role; readonly lifeMs: Millis | null; readonly uses: number | null | undefined },
  caller: Caller,
  deps: AdmissionDeps,
): Promise<{ readonly text: string; readonly token: JoinTokenView }> {
  const { certifier, authority } = requireAuthority(deps)
  const now = deps.clock.now()
  const { text, record } = certifier.newToken(authority, {
    role: wish.role,
    createdBy: caller.by,
    now,
    ...(wish.lifeMs !== null && { lifeMs: wish.lifeMs }),
    ...(wish.uses !== undefined && { uses: wish.uses }),
  })
  const key = keyOf('token', record.id)
  const event = draft('token.created', key, `join token ${record.id} for ${record.role}s was made`, caller.by, now)
  const commit = { epoch: null, expect: [{ key, revision: 0 }], writes: [{ put: key, value: record }], events: [event] }
  if ((await commitOnce(commit, deps)) === null) throw new OperationalError('CONFLICT', 'somebody made the same token')
  return { text, token: viewToken(record) }
}

/** Tokens that are kept, the newest first. */
export function joinTokens({ world }: AdmissionDeps): readonly JoinTokenView[] {
  return [...world.mirror.list('token')].map(({ value }) => viewToken(value)).sort((a, b) => b.createdAt - a.createdAt)
}

/** From now on the token lets nobody in. Those it has let in stay. */
export async function revokeJoinToken(id: string, caller: Caller, deps: AdmissionDeps): Promise<JoinTokenView> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const key = keyOf('token', id)
    const held = deps.world.mirror.get(key)
    if (held === null) throw new OperationalError('NOT_FOUND', `there is no join token ${id}`)
    if (held.value.revokedAt !== null) return viewToken(held.value)
    const now = deps.clock.now()
    const value = { ...held.value, revokedAt: now }
    const event = draft('token.revoked', key, `join token ${id} was revoked`, caller.by, now)
    const expect = [{ key, revision: held.revision }]
    if ((await commitOnce({ epoch: null, expect, writes: [{ put: key, value }], events: [event] }, deps)) !== null)
      return viewToken(value)
  }
  throw new OperationalError('CONFLICT', `join token ${id} was changed by somebody else at the same time`)
}

/**
 * From now on machines join with this secret, and with no earlier one; null: with tokens only. Those that are in stay. Throws
 * CONFLICT when the authority is changed at the same time.
 */
export async function changeClusterSecret(
  secret: StretchedSecret | null,
  { by }: Caller,
  deps: AdmissionDeps,
): Promise<void> {
  const clusterId = deps.world.mirror.get(CLUSTER_KEY)?.value.id ?? ''
  for (let tries = 1; tries <= TRIES; tries++) {
    const { certifier, authority, signed } = requireAuthority(deps)
    const clusterSecret = secret === null ? null : certifier.sealSecret(authority, clusterId, secret)
    const words = secret === null ? 'machines join with tokens only' : 'the cluster has another secret to join with'
    const event = draft('secret.changed', AUTHORITY_KEY, words, by, deps.clock.now())
    const writes = [{ put: AUTHORITY_KEY, value: { ...authority, clusterSecret } }]
    if ((await commitOnce({ epoch: null, expect: [signed], writes, events: [event] }, deps)) !== null) return
  }
  throw new OperationalError('CONFLICT', 'the authority was changed by somebody else at the same time')
}

/** What lets a machine in, and must still hold when it is: judged anew in every round. */
interface Ticket {
  readonly words: string
  readonly expect: readonly { readonly key: Key; readonly revision: number }[]
  readonly writes: readonly Write[]
}

/**
 * Lets in a machine that has a join token: the token's use and the node's id are committed together, so a token for one
 * machine lets in one, and an id is given once. Throws UNAUTHENTICATED, and CONFLICT for a name that is taken.
 */
export function admit(request: TokenRequest, deps: AdmissionDeps): Promise<Admission> {
  return letIn(request, (now) => tokenTicket(request, now, deps), deps)
}

/** Lets in a machine that has proved that it knows the cluster secret. Throws CONFLICT for a name that is taken. */
export function admitBySecret(request: JoinRequest, deps: AdmissionDeps): Promise<Admission> {
  return letIn(request, () => ({ words: 'the cluster secret', expect: [], writes: [] }), deps)
}

function tokenTicket({ tokenId, secret, role }: TokenRequest, now: Millis, deps: AdmissionDeps): Ticket {
  const { certifier, authority } = requireAuthority(deps)
  const token = deps.world.mirror.get(keyOf('token', tokenId))
  const matches = certifier.secretMatches(authority, token?.value ?? null, secret)
  const verdict = judgeToken(token?.value ?? null, role, matches, now)
  if (verdict.kind === 'refused' || token === null) throw refused(verdict.kind === 'refused' ? verdict.message : '')
  const { key, revision, value } = token
  return {
    words: `join token ${value.id}`,
    expect: [{ key, revision }],
    writes: [{ put: key, value: useToken(value) }],
  }
}

async function letIn(request: JoinRequest, ticketAt: (now: Millis) => Ticket, deps: AdmissionDeps): Promise<Admission> {
  const { world, clock } = deps
  const clusterId = world.mirror.get(CLUSTER_KEY)?.value.id ?? ''
  const { name, role, addresses } = request
  for (let tries = 1; tries <= ADMISSION_TRIES; tries++) {
    const { certifier, authority, signed } = requireAuthority(deps)
    const now = clock.now()
    const ticket = ticketAt(now)
    const nodes = world.nodes()
    const own = ownNode(request, nodes, deps)
    const place = own ?? placeFor(name, nodes, now)
    const nodeId = place?.id ?? smallestFree(nodes)
    const key = keyOf('node', nodeId)
    const basis = world.mirror.get(key)?.revision ?? 0
    // Before the id is given: a request that is not sound must not use the token up.
    const terms = { clusterId, role, nodeId, addresses, now }
    const certificate = await certifier.issue(authority, request.request, terms)
    const issued = certifier.describe(authority, certificate, now)
    const words = `node ${nodeId} (${name}) was let in as ${role} with ${ticket.words}`
    const commit = {
      epoch: null,
      expect: [{ key, revision: basis }, ...ticket.expect, certificatesOf(nodeId, deps), signed],
      writes: [
        { put: key, value: own ?? expectedNode(nodeId, place, request, now) },
        ...ticket.writes,
        ...issueWrites(nodeId, role, issued, now, world),
      ],
      events: [draft('node.admitted', key, words, 'control', now)],
    }
    if ((await commitOnce(commit, deps)) === null) {
      // What overtook this one is on its way.
      await sleep(clock, PAUSE_MS * tries)
      continue
    }
    const keys = role === 'server' ? certifier.keyTexts(wantedKeys(authority)) : null
    const clusterKey = keys === null ? null : keys.join('\n')
    return { clusterId, nodeId, certificate, bundle: authority.bundle.join(''), clusterKey }
  }
  throw new OperationalError('CONFLICT', 'other machines joined at the same time; try again')
}

/** The node that this machine is already: it has the key of a certificate that its node was given. */
function ownNode({ keyHash = null, role }: JoinRequest, nodes: readonly Node[], { world }: AdmissionDeps): Node | null {
  if (keyHash === null) return null
  const held = world.mirror
    .list('certificates')
    .find(({ value }) => value.issued.some((one) => one.keyHash === keyHash))
  if (held?.value.role !== role) return null
  return nodes.find(({ id }) => id === held.value.nodeId) ?? null
}

/**
 * The node that a machine becomes that is there already: one whose place is kept for another machine, or one of its name
 * that was let in and never came. null: a new one. Throws CONFLICT for a name that is taken.
 */
function placeFor(name: string, nodes: readonly Node[], now: Millis): Node | null {
  const same = nodes.find((node) => node.name === name) ?? null
  const neverCame = same !== null && same.machineId === null && now - same.joinedAt > NEVER_CAME_MS
  const place = neverCame ? same : (nodes.find(({ reserved }) => reserved) ?? null)
  if (same !== null && same !== place) throw nameTaken(name)
  return place
}

/**
 * The authority and what signs with it. What is committed of a certificate expects it to be as it was when that was signed: a
 * change of the authority must see every certificate of the old one. Throws UNSUPPORTED where machines cannot join.
 */
export function requireAuthority({ certifier, world }: AdmissionDeps): {
  readonly certifier: Certifier
  readonly authority: CertificateAuthority
  readonly signed: Commit['expect'][number]
} {
  const authority = world.mirror.get(AUTHORITY_KEY)
  if (certifier !== null && authority !== null) {
    const { key, revision, value } = authority
    return { certifier, authority: value, signed: { key, revision } }
  }
  throw new OperationalError('UNSUPPORTED', 'this cluster takes no other machines: its server listens for none', {
    hint: 'start it with `gantry up --link HOST:7947`, an address that the others reach',
  })
}

function refused(message: string): OperationalError {
  return new OperationalError('UNAUTHENTICATED', `cannot join: ${message}`, {
    hint: '`gantry join-token create` makes a new one',
  })
}

function nameTaken(name: string): OperationalError {
  return new OperationalError('CONFLICT', `there is a node called ${name} already`, {
    hint: 'give this one another --name, or remove the other first if it is gone for good',
  })
}

/** A node that has its identity and has not said hello yet. */
export function expectedNode(
  id: NodeId,
  place: Node | null,
  { name, addresses }: Pick<JoinRequest, 'name' | 'addresses'>,
  now: Millis,
): Node {
  const address = addresses[0] ?? null
  if (place !== null) return { ...place, reserved: false, name, hostname: '', address, joinedAt: now }
  return {
    id,
    machineId: null,
    reserved: false,
    name,
    hostname: '',
    availability: 'active',
    status: 'unreachable',
    placement: 'default',
    address,
    publicAddress: null,
    region: null,
    zone: null,
    labels: {},
    settings: NO_SETTINGS,
    capacity: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 },
    runtimes: [],
    version: '',
    joinedAt: now,
  }
}

function viewToken({ secretHash: _, ...token }: JoinTokenRecord): JoinTokenView {
  return token
}

function draft(kind: EventDraft['kind'], object: string, message: string, by: string, at: Millis): EventDraft {
  return { kind, object, service: null, message, by, at }
}
