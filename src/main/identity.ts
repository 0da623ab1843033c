import { join } from 'node:path'
import * as z from 'zod'
import type { Server } from '../control/server.ts'
import { OperationalError } from '../core/errors.ts'
import { parseIdentity } from '../core/identity/certificate-policy.ts'
import { parseJoinToken } from '../core/identity/join-token.ts'
import type { CertificateAuthority, NodeIdentity } from '../core/model/identity.ts'
import type { NodeId } from '../core/model/ids.ts'
import { durableText } from '../drivers/durable-text.ts'
import type { JoinOptions } from '../drivers/link/join.ts'
import { newAuthorityRecord } from '../drivers/pki/authority-record.ts'
import { keyedCertifier } from '../drivers/pki/certifier.ts'
import { describeCertificate, splitBundle } from '../drivers/pki/describe-certificate.ts'
import { IdentityFiles, type StoredIdentity } from '../drivers/pki/identity-files.ts'
import { proveIncarnation } from '../drivers/pki/incarnation-proof.ts'
import { KeyRing } from '../drivers/pki/key-ring.ts'
import { newKeyAndRequest } from '../drivers/pki/request.ts'
import type { SecretKeeper } from '../drivers/pki/secret-exchange.ts'
import { newStretchedSecret, openClusterSecret, sealClusterSecret } from '../drivers/pki/stretched-secret.ts'
import type { Log } from '../ports/log.ts'

/** Who this machine is in its cluster. */
export interface Identity extends NodeIdentity {
  readonly files: StoredIdentity
}

/** What the data directory says of who this machine is; null: it belongs to no cluster of machines. Throws STORE_CORRUPT. */
export async function readIdentity(dataDir: string): Promise<Identity | null> {
  const files = await new IdentityFiles(dataDir).read()
  if (files === null) return null
  const { uri } = describeCertificate(files.certificate)
  const identity = uri === null ? null : parseIdentity(uri)
  if (identity !== null) return { ...identity, files }
  throw new OperationalError('STORE_CORRUPT', `the certificate in ${dataDir}/identity says nothing of a node`, {
    hint: 'remove the directory identity and let the node join again',
  })
}

/** Joins a cluster and keeps the identity that it gives. */
export async function joinAndKeep(dataDir: string, options: JoinOptions): Promise<Identity> {
  const { joinCluster } = await import('../drivers/link/join.ts')
  const { clusterId, nodeId, identity } = await joinCluster(options)
  await keepServers(dataDir, options.servers)
  await new IdentityFiles(dataDir).write(identity)
  return { clusterId, nodeId, role: options.role, files: identity }
}

/**
 * Joins again, as the node that this machine is, where its certificate has expired or the token is of an authority that it
 * does not know. Where that fails, it goes on as it is.
 */
export async function rejoinIfNeeded(
  dataDir: string,
  identity: Identity,
  options: Omit<JoinOptions, 'role'>,
  now: number,
  log: Log,
): Promise<Identity> {
  const { certificate, bundle } = identity.files
  if (now < describeCertificate(certificate).notAfter && knowsAuthority(options.token, bundle)) return identity
  try {
    return await joinAndKeep(dataDir, { ...options, role: identity.role, present: identity.files })
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    log.warn('cannot join again, going on with the identity that is there', { reason: error.message })
    return identity
  }
}

/** True for what is no join token, too: it names no authority. */
function knowsAuthority(token: string, bundle: string): boolean {
  try {
    const { authorityHash } = parseJoinToken(token)
    return splitBundle(bundle).some((one) => describeCertificate(one).keyHash === authorityHash)
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error
    return true
  }
}

/**
 * Makes the authority of a cluster that has none, and this machine its first server. Its keys are on disk before the
 * store knows of them: what is lost in between is made anew. `secret`: what others may join with; null: tokens only.
 */
export async function foundAuthority(
  server: Server,
  dataDir: string,
  nodeId: NodeId,
  addresses: readonly string[],
  secret: string | null,
  now: number,
): Promise<Identity> {
  const clusterId = server.api.cluster().cluster.id
  const clusterKey = await new IdentityFiles(dataDir).foundingKey()
  const clusterSecret =
    secret === null ? null : sealClusterSecret(clusterKey, clusterId, await newStretchedSecret(secret))
  const authority = { ...(await newAuthorityRecord(clusterKey, clusterId, now)), clusterSecret }
  const { key, request } = await newKeyAndRequest()
  const terms = { clusterId, role: 'server', nodeId, addresses, now } as const
  const certifier = keyedCertifier(new KeyRing(() => ({ clusterKey })))
  const certificate = await certifier.issue(authority, request, terms)
  const files = { key, certificate, bundle: authority.bundle.join(''), clusterKey }
  await new IdentityFiles(dataDir).write(files)
  const issued = certifier.describe(authority, certificate, now)
  const { incarnation } = server.api.cluster().cluster
  // What was put back or moved before there was an authority is vouched for by the one that comes to be.
  const proof = incarnation > 1 ? proveIncarnation(clusterKey, authority, { clusterId, incarnation, at: now }) : null
  if (await server.foundAuthority(authority, { nodeId, issued, proof }))
    return { clusterId, nodeId, role: 'server', files }
  throw new OperationalError('CONFLICT', 'another server has made the authority of this cluster at the same time', {
    hint: 'remove the directory identity and join with a token of role server',
  })
}

/** What a server knows of the secret that machines may join with; null: there is none, or this machine is no server. */
export function clusterSecretOf(
  { clusterId, files }: Identity,
  authority: CertificateAuthority | null,
): SecretKeeper | null {
  const record = authority?.clusterSecret ?? null
  const name = record?.sealedKey.keyId ?? ''
  const clusterKey = new KeyRing(() => files).find(name) ?? files.clusterKey
  if (record === null || clusterKey === null) return null
  return { clusterId, salt: record.salt, stretched: openClusterSecret(clusterKey, clusterId, record) }
}

const kept = z.object({ servers: z.array(z.string()) })

/** The servers that this machine was told of last. */
export async function keptServers(dataDir: string): Promise<readonly string[]> {
  const text = await durableText(join(dataDir, 'servers.json')).read()
  if (text === null) return []
  const read = kept.safeParse(JSON.parse(text))
  return read.success ? read.data.servers : []
}

/** Keeps the addresses of the servers for the next start. */
export async function keepServers(dataDir: string, servers: readonly string[]): Promise<void> {
  await durableText(join(dataDir, 'servers.json')).write(`${JSON.stringify({ servers })}\n`)
}
