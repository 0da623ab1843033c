import { onTestFinished } from 'vitest'
import type { JoinTokenWish } from '../src/control/api.ts'
import type { Server } from '../src/control/server.ts'
import { systemClock } from '../src/drivers/clock.ts'
import { joinCluster } from '../src/drivers/link/join.ts'
import { newAuthorityRecord } from '../src/drivers/pki/authority-record.ts'
import { keyedCertifier } from '../src/drivers/pki/certifier.ts'
import type { StoredIdentity } from '../src/drivers/pki/identity-files.ts'
import { KeyRing } from '../src/drivers/pki/key-ring.ts'
import { newKeyAndRequest } from '../src/drivers/pki/request.ts'
import { newClusterKey } from '../src/drivers/pki/seal.ts'
import { serveLink } from '../src/main/link-service.ts'
import { MemoryStore } from '../src/store/memory.ts'
import { aLeader, BED_CLUSTER } from './bed-server.ts'
import { SILENT } from './silent-log.ts'

const DAY = 24 * 3_600_000
const ANN = { by: 'ann', idempotencyKey: null }

export interface LinkServer {
  readonly server: Server
  readonly wall: { shift: number }
  /** Text of a new join token. */
  readonly token: (wish?: Partial<JoinTokenWish>) => Promise<string>
  readonly port: number
  readonly servers: readonly string[]
  /** Of its store: the same for as long as nothing is written. */
  readonly revision: () => number
}

/** A server that listens; `wall` is the clock by which it certifies. */
export async function aLinkServer(): Promise<LinkServer> {
  const clock = systemClock()
  const store = new MemoryStore()
  const clusterKey = newClusterKey()
  const wall = { shift: 0 }
  const certifier = keyedCertifier(new KeyRing(() => ({ clusterKey })), () => Date.now() + wall.shift)
  const server = await aLeader({ store, clock, certifier: () => certifier }, 'spread')
  // Its authority is older than what it certifies in the past.
  const authority = await newAuthorityRecord(clusterKey, BED_CLUSTER, Date.now() - 100 * DAY)
  const { key, request } = await newKeyAndRequest()
  const terms = { clusterId: BED_CLUSTER, role: 'server', nodeId: 9, addresses: [], now: Date.now() } as const
  const certificate = await certifier.issue(authority, request, terms)
  await server.foundAuthority(authority, {
    nodeId: 9,
    issued: certifier.describe(authority, certificate, Date.now()),
    proof: null,
  })
  const files = { key, certificate, bundle: authority.bundle.join(''), clusterKey }
  const identity = { clusterId: BED_CLUSTER, role: 'server', nodeId: 9, files } as const
  const options = {
    host: '127.0.0.1',
    port: 0,
    identity,
    server,
    heartbeatMs: () => 1_000,
    log: SILENT,
    http: () => null,
  }
  const listener = await serveLink(options)
  onTestFinished(async () => {
    await listener.close()
    await server.stop()
    await store.close()
  })
  const token: LinkServer['token'] = async (wish = {}) =>
    (await server.api.createJoinToken({ role: 'agent', lifeMs: null, uses: null, ...wish }, ANN)).text
  const { port } = listener
  return {
    server,
    wall,
    token,
    port,
    servers: [`127.0.0.1:${port}`],
    revision: () => server.api.cluster().storeRevision,
  }
}

/** A machine that has joined; `shift`: how far the clock was off by which it was certified. */
export async function joined(
  at: LinkServer,
  name: string,
  shift = 0,
): Promise<{ readonly files: StoredIdentity; readonly nodeId: number }> {
  at.wall.shift = shift
  const who = { servers: at.servers, token: await at.token(), role: 'agent', name, addresses: [] } as const
  const { identity, nodeId } = await joinCluster(who)
  at.wall.shift = 0
  return { files: identity, nodeId }
}
