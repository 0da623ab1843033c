import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../test/free-port.ts'
import { aCertifier, CLUSTER } from '../../../test/link-bed.ts'
import type { Log } from '../../ports/log.ts'
import type { Peer, PeerMessage } from '../../ports/peers.ts'
import { systemClock } from '../clock.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { systemRng } from '../rng.ts'
import { dialTls } from './dial.ts'
import { listenForAgents } from './listen.ts'
import { PEER_PROTOCOL, PeerLinks } from './peers.ts'

const quiet: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore }

function ignore(): void {
  // Nothing of it is looked at.
}

/** A server's end of its connections, and what was told of them. */
interface Server {
  readonly told: string[]
  readonly peers: Map<number, Peer>
  readonly address: string
  close(): Promise<void>
}

async function aServer(id: number, files: StoredIdentity, port: number, others: readonly string[]): Promise<Server> {
  const told: string[] = []
  const peers = new Map<number, Peer>()
  const identity = { clusterId: CLUSTER, nodeId: id, files }
  const address = `127.0.0.1:${port}`
  const links = new PeerLinks({
    identity: () => identity,
    revoked: () => new Set(),
    ...{ address, others, everyMs: 100, clock: systemClock(), rng: systemRng(), log: quiet },
    events: {
      onPeer: (peer) => {
        told.push(`${peer.id} came`)
        peers.set(peer.id, peer)
      },
      onMessage: (peer, message) => told.push(`${peer.id} says ${said(message)}`),
      onGone: (peer) => {
        told.push(`${peer.id} went`)
        if (peers.get(peer.id) === peer) peers.delete(peer.id)
      },
    },
  })
  const listener = await listenForAgents({
    ...{ host: '127.0.0.1', port, clusterId: CLUSTER, identity: files, heartbeatMs: () => 1_000, log: quiet },
    revoked: () => new Set(),
    onAgent: (connection) => connection.close(),
    protocols: { [PEER_PROTOCOL]: (socket, peer) => links.accept(socket, peer) },
  })
  const close = async (): Promise<void> => {
    links.close()
    await listener.close()
  }
  onTestFinished(close)
  return { told, peers, address, close }
}

function said(message: PeerMessage): string {
  return message.kind === 'refused' ? `refused ${message.number}` : message.kind
}

async function twoServers(): Promise<readonly [Server, Server, Awaited<ReturnType<typeof aCertifier>>]> {
  const certify = await aCertifier()
  const [a, b] = [await freePort(), await freePort()]
  const servers = [
    await aServer(1, await certify('server', 1), a, [`127.0.0.1:${b}`]),
    await aServer(2, await certify('server', 2), b, [`127.0.0.1:${a}`]),
  ] as const
  await expect.poll(() => [servers[0].peers.size, servers[1].peers.size], { timeout: 10_000 }).toEqual([1, 1])
  return [...servers, certify]
}

test('two servers that dial each other end up with one connection, over which both speak in order', async () => {
  const [one, two] = await twoServers()
  // Where both have dialled, it takes a moment until both know which connection stays.
  await expect
    .poll(
      () => {
        one.peers.get(2)?.send({ kind: 'refused', number: 1 })
        two.peers.get(1)?.send({ kind: 'refused', number: 2 })
        return [one.told.includes('2 says refused 2'), two.told.includes('1 says refused 1')]
      },
      { timeout: 10_000 },
    )
    .toEqual([true, true])
  expect([one.peers.size, two.peers.size]).toEqual([1, 1])
})

test('the end of a server is heard at once, and its return', async () => {
  const [one, two, certify] = await twoServers()
  await two.close()
  await expect.poll(() => one.peers.size, { timeout: 10_000 }).toBe(0)
  const port = Number(two.address.split(':')[1])
  await aServer(2, await certify('server', 2), port, [])
  await expect.poll(() => one.peers.size, { timeout: 10_000 }).toBe(1)
})

test('an agent, garbage and a server that says nothing are no peers', async () => {
  const [one, , certify] = await twoServers()
  const closed = async (files: StoredIdentity, bytes: Buffer): Promise<boolean> => {
    const socket = await dialTls(one.address, PEER_PROTOCOL, {
      identity: () => ({ clusterId: CLUSTER, files }),
      revoked: () => new Set(),
    })
    const end = new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)))
    socket.resume().write(bytes)
    return end
  }
  expect(await closed(await certify('agent', 7), Buffer.alloc(0))).toBe(true)
  const server = await certify('server', 3)
  const noHello = Buffer.from('\0\0\0\x12{"kind":"foreign"}')
  for (const bytes of [randomBytes(1_000), Buffer.alloc(8, 0xff), Buffer.from('\0\0\0\x02{}'), noHello])
    expect(await closed(server, bytes)).toBe(true)
  expect(one.told.filter((line) => !line.startsWith('2'))).toEqual([])
})
