import { once } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { aCertifier } from '../../test/link-bed.ts'
import { aLinkServer, joined, type LinkServer } from '../../test/link-server-bed.ts'
import { encodeBytes, encodeFrame, framesOf, MAX_FRAME_BYTES } from '../drivers/link/frames.ts'
import { JOIN_PROTOCOL, joinCluster, renewIdentity } from '../drivers/link/join.ts'
import { newKeyAndRequest } from '../drivers/pki/request.ts'

const MIB = 1024 ** 2
const HALF_OPEN: ConnectionOptions & { readonly allowHalfOpen: true } = { allowHalfOpen: true }

/** After whatever was done to it the server answers, has written nothing, and has kept little. */
async function unharmed(at: LinkServer, harm: () => Promise<void>): Promise<void> {
  const { files } = await joined(at, 'w')
  const [revision, memory] = [at.revision(), process.memoryUsage().rss]
  await harm()
  expect(at.revision()).toBe(revision)
  expect(process.memoryUsage().rss - memory).toBeLessThan(300 * MIB)
  await renewIdentity(at.servers, files)
}

async function dial(at: LinkServer, protocol: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    ...{ host: '127.0.0.1', port: at.port, minVersion: 'TLSv1.3', rejectUnauthorized: false },
    ALPNProtocols: [protocol],
    ...options,
  })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

async function closed(socket: Socket): Promise<void> {
  socket.resume()
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()))
}

/** What a server answers to these bytes; null: nothing. */
async function answerTo(at: LinkServer, bytes: Buffer, options: ConnectionOptions = {}): Promise<unknown> {
  const socket = await dial(at, JOIN_PROTOCOL, options)
  socket.write(bytes)
  for await (const frame of framesOf(socket)) return frame
  return null
}

async function aJoin(token: string, change: object = {}): Promise<Buffer> {
  const [, role = '', , tokenId = '', secret = ''] = token.split('-')
  const { request } = await newKeyAndRequest()
  const join = { kind: 'join', tokenId: tokenId.toLowerCase(), secret: secret.toLowerCase(), role, name: 'x', request }
  return encodeFrame({ ...join, addresses: [], ...change })
}

/** All that a server answers until it ends the connection. */
async function answersOn(socket: TLSSocket): Promise<unknown[]> {
  const answers: unknown[] = []
  for await (const answer of framesOf(socket)) answers.push(answer)
  return answers
}

/** The beginning of a frame of so many bytes. */
function announced(bytes: number): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(bytes)
  return Buffer.concat([head, Buffer.alloc(1_000)])
}

test.each<[string, Buffer]>([
  ['garbage', Buffer.from('\u00ff\u00ff not a frame at all'.repeat(1_000))],
  ['a frame that is larger than any may be', announced(MAX_FRAME_BYTES + 1)],
  ['a frame that is larger than any question of a stranger', announced(MIB)],
  ['no end of questions', Buffer.concat(Array.from({ length: 1_000 }, () => encodeFrame({ kind: 'authorities' })))],
  ['keys that JavaScript knows', encodeBytes(Buffer.from('{"__proto__":{"kind":"authorities"},"constructor":1}'))],
  ['a question that nobody asks', encodeFrame({ kind: 'give me the keys' })],
  ['a join without its parts', encodeFrame({ kind: 'join' })],
  ['a renewal by nobody', encodeFrame({ kind: 'renew', request: 'x' })],
  ['names and addresses without end', encodeFrame({ kind: 'join', name: 'x'.repeat(MIB), addresses: [] })],
])('%s where machines join is refused and leaves no trace', async (_, bytes) => {
  const at = await aLinkServer()
  await unharmed(at, async () => {
    const socket = await dial(at, JOIN_PROTOCOL)
    socket.write(bytes)
    const answers = await answersOn(socket)
    expect(answers.length).toBeLessThan(10)
    if (answers.length > 0) expect(answers.at(-1)).toMatchObject({ error: expect.anything() })
  })
})

test('whoever was refused and keeps his end open loses the connection', async () => {
  const at = await aLinkServer()
  await unharmed(at, async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => dial(at, JOIN_PROTOCOL, HALF_OPEN)))
    for (const socket of clients) socket.resume().write('not a frame at all')
    await Promise.all(clients.map((socket) => once(socket, 'end')))
    const all = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
    const open = () => clients.filter((socket) => !socket.closed).length
    await expect.poll(() => all() - open(), { timeout: 15_000 }).toBe(0)
  })
})

test('garbage instead of TLS, and TLS for no protocol of ours, end at once', async () => {
  const at = await aLinkServer()
  await unharmed(at, async () => {
    const plain = connectPlain(at.port, '127.0.0.1')
    plain.on('error', () => undefined)
    plain.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await closed(plain)
    const refused = connect({ port: at.port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
    refused.on('error', () => undefined)
    await closed(refused)
    await closed(await dial(at, 'gantry-link/1'))
    await closed(await dial(at, 'gantry-api/1'))
  })
})

test('machines of another cluster, and an agent that calls itself a server, get nothing', async () => {
  const at = await aLinkServer()
  const foreign = await (await aCertifier())('server', 1)
  const { files } = await joined(at, 'agent')
  await unharmed(at, async () => {
    for (const protocol of ['gantry-link/1', 'gantry-api/1'])
      await closed(await dial(at, protocol, { key: foreign.key, cert: foreign.certificate }))
    const renewing = encodeFrame({ kind: 'renew', request: (await newKeyAndRequest()).request })
    const answer = await answerTo(at, renewing, { key: foreign.key, cert: foreign.certificate })
    expect(answer).toMatchObject({ error: { code: 'FORBIDDEN' } })
  })
  // What it asks for is not what it gets: the server decides who it is.
  const renewed = await renewIdentity(at.servers, files)
  expect(renewed.clusterKey).toBeNull()
  const asServer = joinCluster({
    servers: at.servers,
    token: await at.token(),
    role: 'server',
    name: 's',
    addresses: [],
  })
  await expect(asServer).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('wrong, foreign and revoked tokens let nobody in, and after five nobody from there is listened to', async () => {
  const at = await aLinkServer()
  const other = await aLinkServer()
  const [good, foreign, revoked] = [await at.token(), await other.token(), await at.token()]
  await at.server.api.revokeJoinToken(revoked.split('-')[3]?.toLowerCase() ?? '', { by: 'ann', idempotencyKey: null })
  await unharmed(at, async () => {
    const join = (token: string) => joinCluster({ servers: at.servers, token, role: 'agent', name: 'x', addresses: [] })
    await expect(join(foreign)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect(join(revoked)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const wrong = await aJoin(good, { secret: 'wrong', role: 'agent' })
    const answers: unknown[] = []
    for (let attempt = 1; attempt <= 6; attempt++) answers.push(await answerTo(at, wrong))
    expect(answers.at(0)).toMatchObject({ error: { code: 'UNAUTHENTICATED' } })
    expect(answers.at(-1)).toMatchObject({ error: { code: 'RATE_LIMITED' } })
  })
})

test('a join that is played back lets in nobody: a token for one machine is used up', async () => {
  const at = await aLinkServer()
  const token = await at.token({ uses: 1 })
  await joinCluster({ servers: at.servers, token, role: 'agent', name: 'first', addresses: [] })
  await unharmed(at, async () => {
    const again = joinCluster({ servers: at.servers, token, role: 'agent', name: 'second', addresses: [] })
    await expect(again).rejects.toMatchObject({ message: expect.stringContaining('is used up') })
  })
})

test('a thousand connections that are left half open keep nobody out', async () => {
  const at = await aLinkServer()
  const half: Socket[] = []
  await unharmed(at, async () => {
    for (let n = 0; n < 1_000; n++) {
      const socket = connectPlain(at.port, '127.0.0.1')
      socket.on('error', () => undefined)
      half.push(socket)
    }
    await Promise.all(half.map((socket) => (socket.connecting ? once(socket, 'connect') : null)))
    // A few say the beginning of something, byte by byte.
    for (const socket of half.slice(0, 100)) socket.write(Buffer.from([22]))
  }).finally(() => {
    for (const socket of half) socket.destroy()
  })
})
