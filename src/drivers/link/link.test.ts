import { connect as connectPlain } from 'node:net'
import { connect } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { linkContract } from '../../../test/contract/link.contract.ts'
import { aCertifier, CLUSTER, idleCalls } from '../../../test/link-bed.ts'
import { createRng } from '../../lib/rng.ts'
import type { AgentConnection } from '../../ports/link.ts'
import type { StoredIdentity } from '../pki/identity-files.ts'
import { mutualTls } from '../pki/mutual-tls.ts'
import { dialLink } from './dial.ts'
import { type LinkListener, type ListenOptions, listenForAgents } from './listen.ts'

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const certify = await aCertifier()
const server = await certify('server', 1)
const agent = await certify('agent', 2)

async function listening(
  onAgent: ListenOptions['onAgent'],
  change: Partial<ListenOptions> = {},
): Promise<LinkListener> {
  const listener = await listenForAgents({
    host: '127.0.0.1',
    port: 0,
    clusterId: CLUSTER,
    identity: server,
    revoked: () => new Set(),
    heartbeatMs: 200,
    log: SILENT,
    onAgent,
    protocols: {},
    ...change,
  })
  onTestFinished(() => listener.close())
  return listener
}

function dialling(port: number, files: StoredIdentity = agent): ReturnType<typeof dialLink> {
  return dialLink({
    servers: () => [`127.0.0.1:${port}`],
    identity: () => ({ clusterId: CLUSTER, files }),
    rng: createRng(1),
    heartbeatMs: 200,
  })
}

linkContract('over mutual TLS', async () => {
  const next = Promise.withResolvers<AgentConnection>()
  const listener = await listenForAgents({
    host: '127.0.0.1',
    port: 0,
    clusterId: CLUSTER,
    identity: server,
    revoked: () => new Set(),
    heartbeatMs: 200,
    log: SILENT,
    onAgent: (connection) => next.resolve(connection),
    protocols: {},
  })
  return { link: dialling(listener.port), accepted: () => next.promise, dispose: () => listener.close() }
})

test('a server learns from the certificate who has dialled', async () => {
  const who = Promise.withResolvers<unknown>()
  const listener = await listening(({ peer }) => who.resolve(peer))
  await dialling(listener.port).connect(idleCalls())
  expect(await who.promise).toEqual({ clusterId: CLUSTER, role: 'agent', nodeId: 2 })
})

test('agents of another cluster, expired and revoked ones are not let in', async () => {
  const elsewhere = await aCertifier()
  const foreign = await elsewhere('agent', 2)
  const expired = await certify('agent', 2, Date.now() - 7_200_000)
  const serials = new Set<string>()
  const listener = await listening(() => expect.unreachable('it was let in'), { revoked: () => serials })
  const { describeCertificate } = await import('../pki/describe-certificate.ts')
  serials.add(describeCertificate(agent.certificate).serial)
  for (const files of [{ ...foreign, bundle: agent.bundle }, expired, agent]) {
    await expect(dialling(listener.port, files).connect(idleCalls())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  }
})

test('an agent believes no server of another cluster, and no agent in a server’s place', async () => {
  const elsewhere = await aCertifier()
  for (const [identity, code] of [
    [await elsewhere('server', 1), 'UNAVAILABLE'],
    [await certify('agent', 3), 'FORBIDDEN'],
  ] as const) {
    const listener = await listening(() => undefined, { identity })
    await expect(dialling(listener.port).connect(idleCalls())).rejects.toMatchObject({ code })
  }
})

test('what is no TLS, or speaks another protocol, is sent away and harms nobody', async () => {
  const accepted = Promise.withResolvers<AgentConnection>()
  const listener = await listening((connection) => accepted.resolve(connection))
  for (const sent of ['GET / HTTP/1.1\r\n\r\n', '\0'.repeat(10_000)]) {
    const socket = connectPlain(listener.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(sent)
    await new Promise((resolve) => socket.once('close', resolve))
  }
  const stranger = connect({ ...mutualTls(agent), host: '127.0.0.1', port: listener.port, ALPNProtocols: ['h2'] })
  stranger.on('error', () => undefined)
  await new Promise((resolve) => stranger.once('close', resolve))
  await dialling(listener.port).connect(idleCalls())
  expect(await (await accepted.promise).calls.answers('x', 1)).toBe(true)
})

test('an agent that says what it must not say is not heard any more', async () => {
  const accepted = Promise.withResolvers<AgentConnection>()
  const listener = await listening((connection) => accepted.resolve(connection))
  const connection = await dialling(listener.port).connect(idleCalls())
  const atServer = await accepted.promise
  const closed = new Promise<void>((resolve) => atServer.onClose(resolve))
  atServer.onMessage(() => expect.unreachable('it was heard'))
  connection.send({ kind: 'report', statuses: 'all is well' } as never)
  await closed
})

test('assignments pass a log that nobody reads', async () => {
  const accepted = Promise.withResolvers<AgentConnection>()
  const listener = await listening((connection) => accepted.resolve(connection))
  const logs = async function* () {
    for (;;) yield { stream: 'stdout' as const, at: 1, text: 'x'.repeat(60_000) }
  }
  const connection = await dialling(listener.port).connect(idleCalls({ logs }))
  const atServer = await accepted.promise
  const lines = atServer.calls.logs('web.1.1', { follow: true, tail: null, since: null }, new AbortController().signal)
  const reading = lines[Symbol.asyncIterator]()
  await reading.next()
  let arrived = 0
  const all = new Promise<void>((resolve) =>
    connection.onMessage(() => {
      arrived += 1
      if (arrived === 10_000) resolve()
    }),
  )
  for (let n = 0; n < 10_000; n++) atServer.send({ kind: 'refused', message: `${n}` })
  await all
  await reading.return?.(undefined)
})

test('a server that falls silent is noticed within some heartbeats', async () => {
  const { createServer } = await import('node:net')
  const accepted = Promise.withResolvers<AgentConnection>()
  const listener = await listening((connection) => accepted.resolve(connection))
  // Between the two stands a gate that one day passes nothing on any more.
  let passing = true
  const gate = createServer((socket) => {
    const through = connectPlain(listener.port, '127.0.0.1')
    for (const [from, to] of [
      [socket, through],
      [through, socket],
    ] as const) {
      from.on('data', (data) => passing && to.write(data))
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
  })
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void gate.close())
  const address = gate.address()
  const connection = await dialling(typeof address === 'object' ? (address?.port ?? 0) : 0).connect(idleCalls())
  const atServer = await accepted.promise
  const closed = Promise.all([connection, atServer].map((end) => new Promise<void>((resolve) => end.onClose(resolve))))
  passing = false
  await closed
})
