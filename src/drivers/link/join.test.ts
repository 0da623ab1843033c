import { connect } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { aCertifier, CLUSTER } from '../../../test/link-bed.ts'
import { SILENT } from '../../../test/silent-log.ts'
import { OperationalError } from '../../core/errors.ts'
import type { NodeIdentity } from '../../core/model/identity.ts'
import { createAuthority } from '../pki/authority.ts'
import { describeCertificate } from '../pki/describe-certificate.ts'
import { issueCertificate } from '../pki/issue-certificate.ts'
import { newClusterKey } from '../pki/seal.ts'
import { newJoinToken } from '../pki/token-secret.ts'
import { encodeFrame, framesOf } from './frames.ts'
import { JOIN_PROTOCOL, type JoinServices, joinCluster, renewIdentity, serveJoin } from './join.ts'
import { listenForAgents } from './listen.ts'

/** A server that lets in whoever comes, as node 7, and notes what it was told. */
async function aServer(change: Partial<JoinServices> = {}) {
  const authority = await createAuthority(CLUSTER, Date.now())
  const clusterKey = newClusterKey()
  const issue = (request: string, identity: NodeIdentity): Promise<string> =>
    issueCertificate(authority, request, { ...identity, addresses: ['127.0.0.1'], now: Date.now() })
  const { newKeyAndRequest } = await import('../pki/request.ts')
  const own = await newKeyAndRequest()
  const certificate = await issue(own.request, { clusterId: CLUSTER, role: 'server', nodeId: 1 })
  const asked: string[] = []
  const refused: string[] = []
  const services: JoinServices = {
    bundle: () => authority.certificate,
    blockedFor: () => 0,
    beginProof: () => () => undefined,
    onRefused: (address) => refused.push(address),
    admit: async ({ role, request, name }) => {
      asked.push(`join ${role} ${name}`)
      const identity = { clusterId: CLUSTER, role, nodeId: 7 }
      const bundle = authority.certificate
      return { clusterId: CLUSTER, nodeId: 7, certificate: await issue(request, identity), bundle, clusterKey: null }
    },
    keeper: () => null,
    admitBySecret: async ({ role, request, name }) => {
      asked.push(`enter ${role} ${name}`)
      const identity = { clusterId: CLUSTER, role, nodeId: 8 }
      const bundle = authority.certificate
      return { clusterId: CLUSTER, nodeId: 8, certificate: await issue(request, identity), bundle, clusterKey: 'ab' }
    },
    renew: async ({ identity }, request) => {
      if (identity === null) throw new OperationalError('FORBIDDEN', 'its key is not known')
      asked.push(`renew ${identity.role} ${identity.nodeId}`)
      return { certificate: await issue(request, identity), bundle: authority.certificate }
    },
    leave: async ({ nodeId }, machineId) => {
      asked.push(`leave ${nodeId} ${machineId}`)
    },
    ...change,
  }
  const listener = await listenForAgents({
    host: '127.0.0.1',
    port: 0,
    clusterId: CLUSTER,
    identity: { key: own.key, certificate, bundle: authority.certificate, clusterKey },
    revoked: () => new Set(),
    heartbeatMs: () => 1_000,
    log: SILENT,
    onAgent: () => undefined,
    protocols: { [JOIN_PROTOCOL]: (socket, peer) => void serveJoin(socket, peer?.identity ?? null, services) },
  })
  onTestFinished(() => listener.close())
  const { keyHash } = describeCertificate(authority.certificate)
  const { text: token } = newJoinToken(clusterKey, keyHash, { role: 'agent', createdBy: 'test', now: Date.now() })
  return { address: `127.0.0.1:${listener.port}`, token, asked, refused }
}

test('a machine with a token gets an identity, and a new certificate for it later', async () => {
  const server = await aServer()
  const dead = '127.0.0.1:1'
  const joined = await joinCluster({
    servers: [dead, server.address],
    token: server.token,
    role: 'agent',
    name: 'w1',
    addresses: [],
  })
  expect(joined).toMatchObject({ clusterId: CLUSTER, nodeId: 7 })
  const renewed = await renewIdentity([dead, server.address], joined.identity)
  expect(server.asked).toEqual(['join agent w1', 'renew agent 7'])
  const [before, after] = [joined.identity, renewed].map(({ certificate }) => describeCertificate(certificate))
  expect(after?.uri).toBe(before?.uri)
  expect(after?.serial).not.toBe(before?.serial)
  expect(renewed.key).not.toBe(joined.identity.key)
})

test('a token of another authority is shown to nobody', async () => {
  const [server, other] = [await aServer(), await aServer()]
  const joining = joinCluster({
    servers: [server.address],
    token: other.token,
    role: 'agent',
    name: 'w1',
    addresses: [],
  })
  await expect(joining).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(server.asked).toEqual([])
})

test('who is refused is counted, and after too many nobody looks at his token', async () => {
  const wrong = new OperationalError('UNAUTHENTICATED', 'cannot join: there is no such join token')
  const strict = await aServer({ admit: () => Promise.reject(wrong) })
  const join = (server: { address: string; token: string }): Promise<unknown> =>
    joinCluster({ servers: [server.address], token: server.token, role: 'agent', name: 'w1', addresses: [] })
  await expect(join(strict)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(strict.refused).toHaveLength(1)
  const blocking = await aServer({ blockedFor: () => 60_000 })
  await expect(join(blocking)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  expect(blocking.asked).toEqual([])
})

test('nobody renews without a certificate, and what is no request is answered as such', async () => {
  const server = await aServer()
  const [host = '', port = ''] = server.address.split(':')
  for (const [said, code] of [
    [{ kind: 'renew', request: 'x' }, 'FORBIDDEN'],
    [{ kind: 'open sesame' }, 'USAGE'],
    [{ kind: 'join', tokenId: 3 }, 'USAGE'],
  ] as const) {
    const options = { host, port: Number(port), ALPNProtocols: [JOIN_PROTOCOL], rejectUnauthorized: false }
    const socket = connect(options, () => socket.write(encodeFrame(said)))
    for await (const frame of framesOf(socket)) expect(frame).toMatchObject({ error: { code } })
  }
  const foreign = await (await aCertifier())('agent', 7)
  await expect(renewIdentity([server.address], foreign)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(server.asked).toEqual([])
})
