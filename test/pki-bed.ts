import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ConnectionOptions, connect, createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Role } from '../src/core/model/identity.ts'
import { type Authority, createAuthority } from '../src/drivers/pki/authority.ts'
import type { StoredIdentity } from '../src/drivers/pki/identity-files.ts'
import { type CertificateTerms, issueCertificate } from '../src/drivers/pki/issue-certificate.ts'
import { newKeyAndRequest } from '../src/drivers/pki/request.ts'

export const CLUSTER_ID = '0123456789abcdef'
export const OTHER_CLUSTER_ID = 'fedcba9876543210'

/** The authority of the test's cluster, made once for each file. */
export function anAuthority(clusterId: string = CLUSTER_ID): Promise<Authority> {
  return createAuthority(clusterId, Date.now())
}

/** A machine with a fresh key, certified by the authority and trusting it. */
export async function aMachine(
  authority: Authority,
  terms: Partial<CertificateTerms> & { readonly role: Role },
): Promise<StoredIdentity> {
  const { key, request } = await newKeyAndRequest()
  const certificate = await issueCertificate(authority, request, {
    clusterId: CLUSTER_ID,
    nodeId: 1,
    addresses: [],
    now: Date.now(),
    ...terms,
  })
  return { key, certificate, bundle: authority.certificate, clusterKey: null }
}

/** Two ends that have exchanged a word, so both have accepted the other's certificate. */
export interface TlsPair {
  readonly server: TLSSocket
  readonly client: TLSSocket
  /** What the client was given to come back with. */
  readonly session: Buffer | null
}

/**
 * Connects over loopback and says a word both ways, lets `use` look at the two ends, and closes. Rejects when one end does
 * not accept the other: with TLS 1.3 the dialling end learns that only when it expects an answer.
 */
export async function handshake<T>(
  serverOptions: TlsOptions,
  clientOptions: ConnectionOptions,
  use: (pair: TlsPair) => T | Promise<T>,
): Promise<T> {
  const server = createServer(serverOptions)
  const failed = new Promise<never>((_, reject) => server.on('tlsClientError', reject))
  // The ends are cut off without a word when the test is done.
  server.on('secureConnection', (socket) => socket.on('error', () => socket.destroy()))
  const accepted = once(server, 'secureConnection')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ...clientOptions })
  let session: Buffer | null = null
  client.on('session', (given: Buffer) => {
    session = given
  })
  try {
    const ends = once(client, 'secureConnect').then(() => accepted)
    const [inside] = (await Promise.race([ends, failed])) as [TLSSocket]
    inside.write('hello')
    await Promise.race([once(client, 'data'), failed])
    return await use({ server: inside, client, session })
  } finally {
    client.on('error', () => client.destroy())
    client.destroy()
    server.close()
  }
}
