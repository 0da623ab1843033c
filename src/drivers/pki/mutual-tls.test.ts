import { once } from 'node:events'
import type { TlsOptions } from 'node:tls'
import { beforeAll, expect, test } from 'vitest'
import { aMachine, anAuthority, CLUSTER_ID, handshake, OTHER_CLUSTER_ID } from '../../../test/pki-bed.ts'
import type { PeerVerdict } from '../../core/identity/certificate-policy.ts'
import { type Authority, crossSign } from './authority.ts'
import { describeCertificate } from './describe-certificate.ts'
import type { StoredIdentity } from './identity-files.ts'
import { judgeSocket, mutualTls } from './mutual-tls.ts'

const NONE: ReadonlySet<string> = new Set()
let authority: Authority
let server: StoredIdentity
let agent: StoredIdentity

beforeAll(async () => {
  authority = await anAuthority()
  server = await aMachine(authority, { role: 'server', nodeId: 1 })
  agent = await aMachine(authority, { role: 'agent', nodeId: 2 })
})

/** What each end thinks of the other, once both have accepted the other's certificate. */
function meet(listening: StoredIdentity, dialling: StoredIdentity, revoked = NONE) {
  return handshake(mutualTls(listening), mutualTls(dialling), (pair) => ({
    protocol: pair.client.getProtocol(),
    server: judgeSocket(pair.client, CLUSTER_ID, revoked, 'server'),
    client: judgeSocket(pair.server, CLUSTER_ID, revoked, 'any'),
  }))
}

function reasonOf(verdict: PeerVerdict): string {
  return verdict.kind === 'refused' ? verdict.reason : 'ok'
}

test('two machines of a cluster know each other over TLS 1.3, whatever address was dialled', async () => {
  const seen = await meet(server, agent)
  expect(seen).toEqual({
    protocol: 'TLSv1.3',
    server: { kind: 'ok', identity: { clusterId: CLUSTER_ID, role: 'server', nodeId: 1 } },
    client: { kind: 'ok', identity: { clusterId: CLUSTER_ID, role: 'agent', nodeId: 2 } },
  })
})

test('a machine can be verified by the addresses in its certificate too', async () => {
  const named = await aMachine(authority, { role: 'server', addresses: ['127.0.0.1'] })
  const dial = { ...mutualTls(agent), servername: '', host: '127.0.0.1' }
  await expect(handshake(mutualTls(named), dial, ({ client }) => client.authorized)).resolves.toBe(true)
  await expect(handshake(mutualTls(server), dial, ({ client }) => client.authorized)).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
})

test('a machine of another cluster is not believed at either end', async () => {
  const foreign = await aMachine(await anAuthority(OTHER_CLUSTER_ID), { role: 'server', clusterId: OTHER_CLUSTER_ID })
  await expect(meet(foreign, agent)).rejects.toThrow()
  await expect(meet(server, foreign)).rejects.toThrow()
})

test('somebody without a certificate does not get in', async () => {
  const { key, cert, ...nobody } = mutualTls(agent)
  expect([key, cert]).toEqual([agent.key, agent.certificate])
  await expect(handshake(mutualTls(server), nobody, () => 'in')).rejects.toThrow()
})

test('an identity of another cluster that our own authority signed is refused all the same', async () => {
  const odd = await aMachine(authority, { role: 'agent', clusterId: OTHER_CLUSTER_ID })
  expect(reasonOf((await meet(server, odd)).client)).toBe('another cluster')
})

test('a certificate that has expired, or is not good yet, is refused at either end', async () => {
  const hour = 3_600_000
  const late = await aMachine(authority, { role: 'server', now: Date.now() - 2 * hour, lifeMs: hour })
  const early = await aMachine(authority, { role: 'server', now: Date.now() + hour })
  for (const machine of [late, early]) {
    await expect(meet(machine, agent)).rejects.toThrow()
    await expect(meet(server, machine)).rejects.toThrow()
  }
})

test('every connection is verified anew: an earlier session is not resumed', async () => {
  const strict = { ...mutualTls(server), ticketKeys: Buffer.alloc(48, 1) }
  const willing = { ...mutualTls(agent), secureOptions: 0 }
  const reuses = async (listening: TlsOptions): Promise<boolean> => {
    const session = await handshake(listening, willing, async (pair) => {
      return pair.session ?? ((await once(pair.client, 'session'))[0] as Buffer)
    })
    return handshake(listening, { ...willing, session }, (pair) => pair.server.isSessionReused())
  }
  expect(await reuses({ ...strict, secureOptions: 0 })).toBe(true)
  expect(await reuses(strict)).toBe(false)
})

test('a revoked certificate is refused although TLS accepts it', async () => {
  const revoked = new Set([describeCertificate(agent.certificate).serial])
  const seen = await meet(server, agent, revoked)
  expect([reasonOf(seen.client), reasonOf(seen.server)]).toEqual(['revoked', 'ok'])
})

test('an agent cannot pass for a server', async () => {
  expect(reasonOf((await meet(agent, server)).server)).toBe('wrong role')
})

test('an agent cannot certify others', async () => {
  const forged = await aMachine({ certificate: agent.certificate, key: agent.key }, { role: 'server' })
  const chain = { ...forged, certificate: forged.certificate + agent.certificate, bundle: authority.certificate }
  await expect(meet(chain, server)).rejects.toThrow()
})

test('during a change of the authority machines of both know each other', async () => {
  const next = await anAuthority()
  const crossSigned = await crossSign(authority, next.certificate, Date.now())
  const both = `${next.certificate}${authority.certificate}`
  const renewed = await aMachine(next, { role: 'server' })
  const switched = { ...renewed, certificate: renewed.certificate + crossSigned, bundle: both }
  const prepared = { ...agent, bundle: both }
  const asleep = agent
  expect(reasonOf((await meet(switched, prepared)).server)).toBe('ok')
  expect(reasonOf((await meet(switched, asleep)).server)).toBe('ok')
  await expect(meet({ ...switched, certificate: renewed.certificate }, asleep)).rejects.toThrow()
  await expect(meet({ ...switched, bundle: next.certificate }, asleep)).rejects.toThrow()
})
