import { afterEach, beforeEach, expect, test } from 'vitest'
import { ANN, type NodeBed, openNodeBed } from '../../test/node-bed.ts'
import { plainAuthority } from '../../test/plain-certifier.ts'
import type { SimpleAgent } from '../../test/simple-agent.ts'
import type { NodeIdentity } from '../core/model/identity.ts'
import type { Trust } from '../core/model/message.ts'
import type { PeerCertificate } from '../ports/link.ts'

let bed: NodeBed
beforeEach(async () => {
  bed = await openNodeBed()
})
afterEach(() => bed.stop())

const FIRST = '[authority 1]'
const SECOND = '[authority 2]'
const trusting = (signedBy: string, ...authorities: readonly string[]): { trust: Trust } => ({
  trust: { authorities, signedBy },
})

async function found(): Promise<void> {
  const issued = { serial: 's-1', keyHash: 'k-1', authority: FIRST, issuedAt: 0, notAfter: Number.MAX_SAFE_INTEGER }
  await bed.server.foundAuthority(plainAuthority(), { nodeId: 1, issued, proof: null })
}

async function aCertificateOf(nodeId: number): Promise<string> {
  const who = { identity: { clusterId: '0123456789abcdef', role: 'agent', nodeId } as const, keyHash: `k-${nodeId}` }
  const renewing = bed.server.renew(who, `k-${nodeId}`)
  await bed.pass(10)
  return (await renewing).certificate
}

const told = ({ heard }: SimpleAgent): string[] =>
  heard.flatMap((message) => (message.kind === 'trust' ? [message.bundle] : []))

test('a change of the authority goes on as soon as every node trusts the next one, and ends when all have its certificates', async () => {
  const one = await bed.join('a', trusting(FIRST, FIRST))
  await bed.join('b', trusting(FIRST, FIRST))
  await found()
  await aCertificateOf(2)
  const plan = await bed.api.plan({ kind: 'rotate-authority' })
  expect(plan.nodes.map(({ node, name }) => [node, name])).toEqual([
    [1, 'a:7946'],
    [2, 'b:7946'],
  ])
  await bed.api.apply({ kind: 'rotate-authority' }, plan, ANN)
  await bed.pass(100)
  expect(told(one)).toEqual([FIRST, FIRST + SECOND])
  expect(bed.api.authority()).toMatchObject({ rotation: 'prepared', waitsFor: [1, 2], trusted: [FIRST, SECOND] })

  await bed.join('a', trusting(FIRST, FIRST, SECOND))
  expect(bed.api.authority()).toMatchObject({ rotation: 'prepared', waitsFor: [2] })
  await bed.join('b', trusting(FIRST, FIRST, SECOND))
  expect(bed.api.authority()).toMatchObject({ rotation: 'switched', waitsFor: [1, 2], signing: SECOND })
  await bed.join('a', trusting(SECOND, SECOND, FIRST))
  await bed.join('b', trusting(SECOND, SECOND, FIRST))
  expect(bed.api.authority()).toMatchObject({ rotation: 'none', waitsFor: [], trusted: [SECOND] })
  const events = bed.api.events({ after: null, service: null, object: 'authority/self', limit: null })
  expect(events.map(({ kind }) => kind)).toEqual([
    ...['cluster.created', 'authority.prepared', 'authority.switched', 'authority.changed'],
  ])
})

test('a node that is gone is waited for until it is removed', async () => {
  await bed.join('a', trusting(FIRST, FIRST, SECOND))
  const gone = await bed.join('b', trusting(FIRST, FIRST))
  await found()
  await aCertificateOf(2)
  gone.leave()
  const plan = await bed.api.plan({ kind: 'rotate-authority' })
  expect(plan.nodes[1]?.consequence).toContain('is away: waited for')
  await bed.api.apply({ kind: 'rotate-authority' }, plan, ANN)
  await bed.pass(90_000)
  expect(bed.api.authority()).toMatchObject({ rotation: 'prepared', waitsFor: [2] })
  await bed.change({ kind: 'remove-node', node: 2, force: true })
  expect(bed.api.authority()).toMatchObject({ rotation: 'switched', revoked: 1 })
})

test('a plan of a change is stale when a node has gone since, and only one change is on the way at a time', async () => {
  const agent = await bed.join('a', trusting(FIRST, FIRST))
  await found()
  const plan = await bed.api.plan({ kind: 'rotate-authority' })
  agent.leave()
  await expect(bed.api.apply({ kind: 'rotate-authority' }, plan, ANN)).rejects.toMatchObject({
    code: 'PLAN_STALE',
    message: expect.stringContaining('node 1 was connected; it is away now'),
  })
  await bed.api.apply({ kind: 'rotate-authority' }, null, ANN)
  await expect(bed.api.apply({ kind: 'rotate-authority' }, null, ANN)).rejects.toMatchObject({ code: 'PREREQUISITE' })
})

test('a removed node gets no certificate any more, and its present one is revoked until it has expired by every clock', async () => {
  await bed.join('a')
  const agent = await bed.join('b')
  await found()
  const certificate = await aCertificateOf(2)
  agent.leave()
  await bed.pass(20_000)
  await bed.change({ kind: 'remove-node', node: 2, force: true })
  expect(bed.server.revoked?.all).toEqual(new Set([certificate.split(' ')[0]]))
  const again = bed.server.renew({ identity: null, keyHash: 'k-2' }, 'k-9')
  await expect(again).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('was revoked: node 2 (b:7946) was removed from the cluster'),
  })
  await bed.pass(8 * 24 * 3_600_000)
  expect(bed.server.revoked?.all.size).toBe(1)
  await bed.pass(2 * 24 * 3_600_000)
  expect(bed.server.revoked?.all.size).toBe(0)
})

test('a machine that takes the place of another node gets a certificate of that with its old key', async () => {
  await bed.join('a')
  const dead = await bed.join('b')
  await bed.join('c')
  await found()
  for (const node of [2, 3]) await aCertificateOf(node)
  dead.leave()
  await bed.pass(20_000)
  await bed.change({ kind: 'replace-node', node: 2, with: 3 })
  const renewing = bed.server.renew({ identity: null, keyHash: 'k-3' }, 'k-4')
  await bed.pass(10)
  await renewing
  expect(bed.api.authority().nodes.map(({ nodeId }) => nodeId)).toEqual([1, 2])
  await expect(bed.server.renew({ identity: null, keyHash: 'k-2' }, 'k-5')).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

/** A certificate of node 2 that its state need not know. */
const ofNode2 = (key: string, role: 'agent' | 'server' = 'agent'): PeerCertificate => {
  const identity = { clusterId: '0123456789abcdef', role, nodeId: 2 } as const
  return { ...identity, serial: `serial of ${key}`, notAfter: Number.MAX_SAFE_INTEGER, keyHash: () => key }
}

async function renewed(identity: NodeIdentity | null, keyHash: string): Promise<string> {
  const renewing = bed.server.renew({ identity, keyHash }, 'k-next')
  renewing.catch(() => undefined)
  await bed.pass(10)
  return (await renewing).certificate
}

async function putBack(): Promise<void> {
  bed.stop()
  bed = await openNodeBed({ incarnation: 2, attemptFloor: 1_000 })
}

test('a certificate that was given after the backup gets the next one when its agent has said hello, and none in a state that was never put back', async () => {
  const later = ofNode2('k-later')
  const ask = async (): Promise<string> => {
    await bed.join('a')
    await bed.join('b')
    await found()
    await aCertificateOf(2)
    await expect(renewed(later, 'k-later')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await bed.join('b', {}, later)
    return renewed(later, 'k-later')
  }
  await expect(ask()).rejects.toMatchObject({ code: 'FORBIDDEN' })
  await putBack()
  await expect(ask()).resolves.toBeDefined()
  await expect(renewed(ofNode2('k-other', 'server'), 'k-other')).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('a machine that joined after the backup is the node of its certificate, and gets the next one', async () => {
  await putBack()
  await bed.join('a')
  await found()
  const agent = await bed.join('b', { nodeId: 2 }, ofNode2('k-later'))
  expect(agent.heard).toContainEqual(expect.objectContaining({ kind: 'assignment', nodeId: 2 }))
  await expect(renewed(ofNode2('k-later'), 'k-later')).resolves.toBeDefined()
})

test('a machine that got its number after a backup in which another one has it becomes a new node, and both stay what they are', async () => {
  await putBack()
  await bed.join('a')
  const first = await bed.join('b')
  await found()
  const earlier = await aCertificateOf(2)
  const other = await bed.join('c', { nodeId: 2 }, ofNode2('k-later'))
  expect(other.heard).toEqual([expect.objectContaining({ kind: 'refused', remedy: 'renew' })])
  expect(first.heard.at(-1)).toMatchObject({ kind: 'assignment', nodeId: 2 })
  expect(bed.api.nodes().map(({ id, hostname }) => `${id} ${hostname}`)).toEqual(['1 a', '2 b', '3 c'])
  const [joined] = bed.api.events({ after: null, service: null, object: 'node/3', limit: null })
  expect(joined?.message).toBe('node 3 (c:7946) joined; it was node 2 before')

  const [serial = ''] = (await renewed(ofNode2('k-later'), 'k-later')).split(' ')
  const next = { ...ofNode2('k-next'), nodeId: 3, serial }
  expect((await bed.join('c', { nodeId: 2 }, next)).heard.at(-1)).toMatchObject({ kind: 'assignment', nodeId: 3 })
  expect(bed.api.cluster().conditions.filter(({ kind }) => kind === 'agent refused')).toEqual([])
  const own = { ...ofNode2('k-2'), serial: earlier.split(' ')[0] ?? '' }
  expect((await bed.join('b', { nodeId: 2 }, own)).heard.at(-1)).toMatchObject({ kind: 'assignment', nodeId: 2 })
})

test('a change of the authority has the next one sign the incarnation that there is', async () => {
  bed.stop()
  const proof = { at: 1, chain: [FIRST], signature: 'signed' }
  bed = await openNodeBed({ incarnation: 2, proof })
  const agent = await bed.join('a', trusting(FIRST, FIRST, SECOND))
  await found()
  await bed.api.apply({ kind: 'rotate-authority' }, null, ANN)
  await bed.pass(100)
  expect(bed.api.authority()).toMatchObject({ rotation: 'switched' })
  const proofs = agent.heard.flatMap((message) => (message.kind === 'assignment' ? (message.proof?.chain ?? []) : []))
  expect(proofs).toEqual([FIRST, SECOND])
  const events = bed.api.events({ after: null, service: null, object: 'cluster/self', limit: null })
  expect(events.filter(({ kind }) => kind === 'cluster.incarnation')).toHaveLength(1)
})
