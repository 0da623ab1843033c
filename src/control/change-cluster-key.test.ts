import { afterEach, beforeEach, expect, test } from 'vitest'
import { ANN, type NodeBed, openNodeBed } from '../../test/node-bed.ts'
import { plainAuthority } from '../../test/plain-certifier.ts'
import type { SimpleAgent } from '../../test/simple-agent.ts'
import type { CertificateAuthority, Role } from '../core/model/identity.ts'
import type { Trust } from '../core/model/message.ts'

const CHANGE = { kind: 'rotate-cluster-key' } as const
const SIGNER = '[authority 1]'

let bed: NodeBed
beforeEach(async () => {
  bed = await openNodeBed()
})
afterEach(() => bed.stop())

const holding = (...clusterKeys: readonly string[]): { trust: Trust } => ({
  trust: { authorities: [SIGNER], signedBy: SIGNER, clusterKeys },
})

/** A machine says again who it is, with these keys on its disk. */
const join = (machine: string, ...keys: readonly string[]): Promise<SimpleAgent> => bed.join(machine, holding(...keys))

/** Servers 1 and 2 of a cluster whose key is `k`, and an agent, 3. */
async function twoServers(
  change: Partial<CertificateAuthority> = {},
): Promise<readonly [SimpleAgent, SimpleAgent, SimpleAgent]> {
  const agents = [await join('a', 'k'), await join('b', 'k'), await join('c')] as const
  const issued = { serial: 's-1', keyHash: 'k-1', authority: SIGNER, issuedAt: 0, notAfter: Number.MAX_SAFE_INTEGER }
  await bed.server.foundAuthority({ ...plainAuthority(), ...change }, { nodeId: 1, issued, proof: null })
  await certify(2, 'server')
  await certify(3, 'agent')
  return agents
}

async function certify(nodeId: number, role: Role): Promise<void> {
  const who = { identity: { clusterId: '0123456789abcdef', role, nodeId }, keyHash: `k-${nodeId}` }
  const renewing = bed.server.renew(who, `k-${nodeId}`)
  await bed.pass(10)
  await renewing
}

async function rotate(): Promise<void> {
  await bed.api.apply(CHANGE, await bed.api.plan(CHANGE), ANN)
  await bed.pass(100)
}

const told = ({ heard }: SimpleAgent): string[] =>
  heard.flatMap((message) => (message.kind === 'trust' && message.clusterKeys ? [message.clusterKeys.join('+')] : []))

const key = () => bed.api.authority().clusterKey

test('a plan of another cluster key names the servers alone, what becomes of tokens, and what backups will need', async () => {
  const [, second] = await twoServers()
  await bed.api.createJoinToken({ role: 'agent', lifeMs: null, uses: null }, ANN)
  second.leave()
  const { nodes, notes, blockers } = await bed.api.plan(CHANGE)
  expect(nodes.map(({ node, consequence }) => `${node} ${consequence}`)).toEqual([
    '1 gets the next key, then goes by it, then forgets the old one; an etcd of its own starts anew twice',
    '2 is away: waited for until it is back or removed',
  ])
  expect(notes.map(({ message }) => message)).toEqual([
    '1 join token is good for nothing once every server has the next key',
    'to put back a backup from before, a copy of the present key is needed: keep identity/cluster.key with them',
  ])
  expect(blockers).toEqual([])
})

test('servers get the next key one after the other, and forget the old one when all go by the new one', async () => {
  const [first, second, agent] = await twoServers()
  await bed.api.createJoinToken({ role: 'agent', lifeMs: null, uses: null }, ANN)
  await rotate()
  expect(key()).toMatchObject({ id: 'k', change: 'prepared', waitsFor: [1, 2] })
  expect([told(first), told(second)]).toEqual([['k+k2'], []])

  await join('a', 'k', 'k2')
  expect(told(second)).toEqual(['k+k2'])
  const again = await join('b', 'k', 'k2')
  expect(key()).toMatchObject({ id: 'k2', change: 'switched', waitsFor: [1, 2] })
  expect(bed.api.joinTokens().every(({ revokedAt }) => revokedAt !== null)).toBe(true)
  expect(told(again)).toEqual([])

  await join('a', 'k2', 'k')
  expect(told(again)).toEqual(['k2+k'])
  const last = await join('b', 'k2', 'k')
  expect(key()).toMatchObject({ id: 'k2', change: 'none', waitsFor: [1, 2] })
  await join('a', 'k2')
  expect(told(last)).toEqual(['k2'])
  await join('b', 'k2')
  expect(key()).toMatchObject({ change: 'none', waitsFor: [] })
  expect(told(agent)).toEqual([])
  const events = bed.api.events({ after: null, service: null, object: 'authority/self', limit: null })
  expect(events.map(({ kind }) => kind)).toEqual(['cluster.created', 'key.prepared', 'key.switched', 'key.changed'])
})

test('a server that is away holds a change up, however long, until it is removed', async () => {
  const [, second] = await twoServers()
  second.leave()
  await rotate()
  await join('a', 'k', 'k2')
  await bed.pass(40 * 24 * 3_600_000)
  expect(key()).toMatchObject({ id: 'k', change: 'prepared', waitsFor: [2] })
  await bed.change({ kind: 'remove-node', node: 2, force: true })
  expect(key()).toMatchObject({ id: 'k2', change: 'switched' })
})

test('a key that a leader drew and took with it is replaced by the next one, and nothing waits for it', async () => {
  const [first] = await twoServers({ keyChange: { kind: 'prepared', since: 5, next: 'lost' } })
  await bed.pass(100)
  expect(key()).toMatchObject({ id: 'k', change: 'prepared', since: 5 })
  expect(told(first)).toEqual(['k+k2'])
})

test('a change that was put back after nobody has the old key any more is over', async () => {
  const [first] = await twoServers({ keyChange: { kind: 'switched', since: 5, previous: 'forgotten' } })
  await bed.pass(100)
  expect(key()).toMatchObject({ id: 'k', change: 'none', waitsFor: [] })
  expect(told(first)).toEqual([])
})

test('a second change is refused while one is on the way', async () => {
  await twoServers()
  await rotate()
  await expect(bed.api.apply(CHANGE, null, ANN)).rejects.toMatchObject({ code: 'PREREQUISITE' })
})
