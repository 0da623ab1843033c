import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { aMachine, anAuthority, CLUSTER_ID } from '../../../test/pki-bed.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { newClusterKey } from '../pki/seal.ts'
import type { SecretKeeper } from '../pki/secret-exchange.ts'
import { newStretchedSecret, openClusterSecret, sealClusterSecret } from '../pki/stretched-secret.ts'
import { encodeFrame, framesOf } from './frames.ts'
import { JOIN_PROTOCOL, type JoinServices, joinCluster, serveJoin } from './join.ts'

const SECRET = 'theSecretOfTheUsers'
let identity: StoredIdentity
let keeper: SecretKeeper

beforeAll(async () => {
  identity = await aMachine(await anAuthority(), { role: 'server' })
  const clusterKey = newClusterKey()
  const record = sealClusterSecret(clusterKey, CLUSTER_ID, await newStretchedSecret(SECRET))
  keeper = { clusterId: CLUSTER_ID, salt: record.salt, stretched: openClusterSecret(clusterKey, CLUSTER_ID, record) }
})

/** Listens over TLS; resolves with the address. */
async function listen(onSocket: (socket: TLSSocket) => void): Promise<string> {
  const { key, certificate: cert } = identity
  const server = createServer({ key, cert, ALPNProtocols: [JOIN_PROTOCOL] }, (socket) => {
    socket.on('error', () => socket.destroy())
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server that knows the cluster secret, and notes whom it let in and how often it refused. */
async function aServer(change: Partial<JoinServices> = {}) {
  const entered: string[] = []
  const refused: string[] = []
  const never = (): Promise<never> => Promise.reject(new Error('not asked for here'))
  const services: JoinServices = {
    bundle: () => identity.bundle,
    blockedFor: () => 0,
    beginProof: () => () => undefined,
    onRefused: (address) => refused.push(address),
    admit: never,
    renew: never,
    leave: never,
    keeper: () => keeper,
    admitBySecret: async ({ role, name }) => {
      entered.push(`${role} ${name}`)
      return { clusterId: CLUSTER_ID, nodeId: 8, certificate: 'c', bundle: identity.bundle, clusterKey: 'ab' }
    },
    ...change,
  }
  const address = await listen((socket) => void serveJoin(socket, null, services))
  return { address, entered, refused }
}

const join = (address: string, token = SECRET): ReturnType<typeof joinCluster> =>
  joinCluster({ servers: [address], token, role: 'server', name: 's2', addresses: [] })

test('who knows the cluster secret is let in, with the role that it said hello with', async () => {
  const server = await aServer()
  const joined = await join(server.address)
  expect(joined).toMatchObject({ clusterId: CLUSTER_ID, nodeId: 8, identity: { clusterKey: Buffer.from('ab', 'hex') } })
  expect(server.entered).toEqual(['server s2'])
  expect(server.refused).toEqual([])
})

test('a wrong cluster secret is refused and counted, and a weak one is not even tried', async () => {
  const server = await aServer()
  await expect(join(server.address, 'aGuessThatIsNotRight')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(server.refused).toHaveLength(1)
  await expect(join(server.address, 'short')).rejects.toMatchObject({ code: 'USAGE' })
  expect(server.refused).toHaveLength(1)
  expect(server.entered).toEqual([])
})

test('a cluster without a secret says that a token is needed, and a blocked address is not listened to', async () => {
  const without = await aServer({ keeper: () => null })
  await expect(join(without.address)).rejects.toThrow('this cluster has no secret')
  const strict = await aServer({ blockedFor: () => 1_000 })
  await expect(join(strict.address)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
})

test('somebody in between who passes on every message is refused by the server', async () => {
  const server = await aServer()
  const [host = '', port = ''] = server.address.split(':')
  const between = await listen((victim) => {
    const onward = connect({ host, port: Number(port), ALPNProtocols: [JOIN_PROTOCOL], rejectUnauthorized: false })
    onward.on('error', () => victim.destroy())
    victim.pipe(onward)
    onward.pipe(victim)
  })
  await expect(join(between)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(server.entered).toEqual([])
  expect(server.refused).toHaveLength(1)
})

test('a server that does not know the secret gets the machine to believe nothing', async () => {
  const impostor = await aServer({ keeper: () => ({ ...keeper, stretched: Buffer.alloc(32) }) })
  await expect(join(impostor.address)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  const pretender = await listen(async (socket) => {
    const answers = [
      { clusterId: CLUSTER_ID, salt: keeper.salt, nonce: '0'.repeat(64), share: '2'.repeat(768) },
      { proof: '0'.repeat(64) },
    ]
    for await (const _ of framesOf(socket)) socket.write(encodeFrame({ value: answers.shift() }))
  })
  await expect(join(pretender)).rejects.toThrow('cannot trust the server')
})

test('steps out of turn are refused, and a challenge that is left unanswered counts as an attempt', async () => {
  const server = await aServer()
  const [host = '', port = ''] = server.address.split(':')
  const talk = async (...messages: readonly object[]): Promise<unknown[]> => {
    const socket = connect({ host, port: Number(port), ALPNProtocols: [JOIN_PROTOCOL], rejectUnauthorized: false })
    const heard: unknown[] = []
    const frames = framesOf(socket)
    for (const message of messages) {
      socket.write(encodeFrame(message))
      heard.push((await frames.next()).value)
    }
    const closed = once(socket, 'close')
    socket.end()
    for await (const _ of frames) heard.push(_)
    await closed
    return heard
  }
  const hello = { kind: 'hello', version: 1, role: 'server', nonce: '0'.repeat(64) }
  const outOfTurn = { error: { code: 'USAGE' } }
  const enter = { kind: 'enter', name: 's2', addresses: [], request: '' }
  expect(await talk(enter)).toMatchObject([outOfTurn])
  expect(await talk({ kind: 'prove', share: '', proof: '' })).toMatchObject([outOfTurn])
  expect(server.refused).toHaveLength(0)
  expect(await talk(hello, enter)).toMatchObject([{ value: { clusterId: CLUSTER_ID } }, outOfTurn])
  expect(server.refused).toHaveLength(1)
  expect(await talk(hello)).toHaveLength(1)
  await expect.poll(() => server.refused).toHaveLength(2)
  expect(server.entered).toEqual([])
})

test('a server that has challenged enough machines challenges no other before one of them is done', async () => {
  let free = 1
  const beginProof = () => {
    if (free === 0) return null
    free -= 1
    return () => {
      free += 1
    }
  }
  const server = await aServer({ beginProof })
  await join(server.address)
  await expect.poll(() => free).toBe(1)
  await expect(join(server.address, 'anotherSecretOfUsers')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  await expect.poll(() => free).toBe(1)
  free = 0
  await expect(join(server.address)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  expect(server.refused).toHaveLength(1)
})
