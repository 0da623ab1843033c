import { join } from 'node:path'
import * as z from 'zod'
import type { Server } from '../control/server.ts'
import { OperationalError } from '../core/errors.ts'
import { parseIdentity } from '../core/identity/certificate-policy.ts'
import type { NodeIdentity } from '../core/model/identity.ts'
import type { NodeId } from '../core/model/ids.ts'
import { durableText } from '../drivers/durable-text.ts'
import { type JoinOptions, joinCluster } from '../drivers/link/join.ts'
import { newAuthorityRecord } from '../drivers/pki/authority-record.ts'
import { keyedCertifier } from '../drivers/pki/certifier.ts'
import { describeCertificate } from '../drivers/pki/describe-certificate.ts'
import { IdentityFiles, type StoredIdentity } from '../drivers/pki/identity-files.ts'
import { proveIncarnation } from '../drivers/pki/incarnation-proof.ts'
import { newKeyAndRequest } from '../drivers/pki/request.ts'

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
  const { clusterId, nodeId, identity } = await joinCluster(options)
  await keepServers(dataDir, options.servers)
  await new IdentityFiles(dataDir).write(identity)
  return { clusterId, nodeId, role: options.role, files: identity }
}

/**
 * Makes the authority of a cluster that has none, and this machine its first server. Its keys are on disk before the
 * store knows of them: what is lost in between is made anew.
 */
export async function foundAuthority(
  server: Server,
  dataDir: string,
  nodeId: NodeId,
  addresses: readonly string[],
  now: number,
): Promise<Identity> {
  const clusterId = server.api.cluster().cluster.id
  const clusterKey = await new IdentityFiles(dataDir).foundingKey()
  const authority = await newAuthorityRecord(clusterKey, clusterId, now)
  const { key, request } = await newKeyAndRequest()
  const terms = { clusterId, role: 'server', nodeId, addresses, now } as const
  const certificate = await keyedCertifier(clusterKey).issue(authority, request, terms)
  const files = { key, certificate, bundle: authority.bundle.join(''), clusterKey }
  await new IdentityFiles(dataDir).write(files)
  const { incarnation } = server.api.cluster().cluster
  // What was put back or moved before there was an authority is vouched for by the one that comes to be.
  const proof = incarnation > 1 ? proveIncarnation(clusterKey, authority, { clusterId, incarnation, at: now }) : null
  if (await server.foundAuthority(authority, proof)) return { clusterId, nodeId, role: 'server', files }
  throw new OperationalError('CONFLICT', 'another server has made the authority of this cluster at the same time', {
    hint: 'remove the directory identity and join with a token of role server',
  })
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
