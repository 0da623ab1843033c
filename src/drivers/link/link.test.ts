import { connect as connectHttp2, performServerHandshake } from 'node:http2'
import { connect as connectPlain } from 'node:net'
import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { linkContract } from '../../../test/contract/link.contract.ts'
import { aCertifier, aHello, collect, gather, idleCalls } from '../../../test/link-bed.ts'
import {
  AGENT,
  certify,
  closed,
  dialling,
  gone,
  linked,
  listening,
  reasonLog,
  rogueAgent,
  rogueServer,
  SERVER,
} from '../../../test/link-network.ts'
import type { AgentConnection } from '../../ports/link.ts'
import { describeCertificate } from '../pki/describe-certificate.ts'
import { mutualTls } from '../pki/mutual-tls.ts'

linkContract('over mutual TLS', async () => {
  const next = Promise.withResolvers<AgentConnection>()
  const listener = await listening({ onAgent: next.resolve })
  return {
    link: dialling(listener.port),
    accepted: () => next.promise,
    settle: (work) => work,
    dispose: () => listener.close(),
  }
})

test('a server learns from the certificate who has dialled', async () => {
  const { server } = await linked()
  expect(server.peer).toMatchObject({ role: 'agent', nodeId: 2 })
})

test('whoever has no certificate, or one of another authority, is no agent', async () => {
  const log = reasonLog()
  const listener = await listening({ log, onAgent: () => expect.unreachable('it was let in') })
  const foreign = await (await aCertifier())('agent', 2)
  const elsewhere = await (await aCertifier('fedcba9876543210'))('agent', 2)
  for (const files of [foreign, elsewhere]) {
    const dialled = dialling(listener.port, { ...files, bundle: AGENT.bundle }).connect(idleCalls())
    await expect(dialled).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await log.next()).toBe('its certificate is of an authority that is not trusted here')
  }
  const { ca } = mutualTls(AGENT)
  const { port } = listener
  await gone(connect({ ca, servername: 'gantry', host: '127.0.0.1', port, ALPNProtocols: ['gantry-link/1'] }))
  expect(await log.next()).toBe('it has no certificate')
})

test.each([
  ['has expired', -2, /^its certificate was good until .*Z, and this server's clock says .*Z$/],
  [
    'is not good yet',
    24,
    /^its certificate is good from .*Z on, and this server's clock says .*Z: one clock is wrong$/,
  ],
])('an agent whose certificate %s is told so, with both times, and nothing else', async (_, hours, words) => {
  const log = reasonLog()
  const listener = await listening({ log, onAgent: () => expect.unreachable('it was let in') })
  const files = await certify('agent', 2, Date.now() + hours * 3_600_000)
  const agent = await dialling(listener.port, files).connect(idleCalls())
  const ended = closed(agent)
  const [refusal] = await collect(agent)(1)
  expect(refusal).toEqual({ kind: 'refused', message: expect.stringMatching(words), remedy: 'renew' })
  await ended
  expect(await log.next()).toMatch(words)
})

test('an agent with a revoked certificate can be told so, and the server knows that it is not to be believed', async () => {
  const serials = new Set([describeCertificate(AGENT.certificate).serial])
  const { server } = await linked({ options: { revoked: () => serials } })
  expect(server).toMatchObject({ peer: { nodeId: 2 }, barred: 'the certificate of node 2 was revoked' })
})

test('an agent believes no server of another authority, none whose time is over or has not come, no revoked one and no agent', async () => {
  const foreign = await (await aCertifier())('server', 1)
  const hours = 3_600_000
  const revoked = await certify('server', 1)
  const serials = new Set([describeCertificate(revoked.certificate).serial])
  for (const [identity, code, reason] of [
    [foreign, 'UNAVAILABLE', 'of an authority that this machine does not trust'],
    [
      await certify('server', 1, Date.now() - 2 * hours),
      'UNAVAILABLE',
      "or a clock is wrong: this machine's clock says 2",
    ],
    [
      await certify('server', 1, Date.now() + 24 * hours),
      'UNAVAILABLE',
      "a clock is wrong: this machine's clock says 2",
    ],
    [revoked, 'FORBIDDEN', 'the certificate of node 1 was revoked'],
    [await certify('agent', 3), 'FORBIDDEN', 'node 3 has the role agent, not server'],
  ] as const) {
    const { port } = await listening({ identity })
    await expect(dialling(port, AGENT, reasonLog(), undefined, serials).connect(idleCalls())).rejects.toMatchObject({
      code,
      message: expect.stringContaining(reason),
    })
  }
})

test('a renewed certificate is shown to whoever dials from then on, and ends no connection', async () => {
  const { listener, server } = await linked()
  const serialOf = async (): Promise<string> => {
    const socket = await rogueAgent(listener.port)
    return socket.getPeerX509Certificate()?.serialNumber ?? ''
  }
  const before = await serialOf()
  listener.renew(await certify('server', 1))
  expect(await serialOf()).not.toBe(before)
  expect(await server.calls.answers('x', 1)).toBe(true)
})

test('an agent whose certificate is revoked while it is connected is sent away, and others stay', async () => {
  const serials = new Set<string>()
  const { agent, server, log, listener } = await linked({ options: { revoked: () => serials } })
  const other = await dialling(listener.port, await certify('agent', 3)).connect(idleCalls())
  let isOpen = true
  other.onClose(() => {
    isOpen = false
  })
  const told = Promise.all([closed(agent), closed(server)])
  serials.add(describeCertificate(AGENT.certificate).serial)
  listener.judge()
  await told
  expect(await log.server.next()).toBe('the certificate of the other end was revoked')
  expect(isOpen).toBe(true)
})

test.each(['agent', 'server'] as const)('a connection ends with the certificate of its %s', async (role) => {
  const end = Date.now() + 3_000
  const passing = await certify(role, role === 'agent' ? 2 : 1, end - 3_600_000)
  const { port } = await listening({ identity: role === 'server' ? passing : SERVER })
  const agent = await dialling(port, role === 'agent' ? passing : AGENT).connect(idleCalls())
  await closed(agent)
  // Certificates count in whole seconds.
  expect(Date.now()).toBeGreaterThanOrEqual(end - 1_000)
})

test('other protocols on the same port get their connections, with who dialled if that is known', async () => {
  const taken = Promise.withResolvers<unknown>()
  const unknown = Promise.withResolvers<unknown>()
  const listener = await listening({
    protocols: {
      'test-known/1': (socket, peer) => {
        taken.resolve(peer?.identity.nodeId)
        socket.end('hello')
      },
      'test-unknown/1': (_, peer) => unknown.resolve(peer),
    },
  })
  const known = await rogueAgent(listener.port, { ALPNProtocols: ['test-known/1'] })
  expect(String((await gather(known)).join(''))).toBe('hello')
  expect(await taken.promise).toBe(2)
  const { ca } = mutualTls(AGENT)
  const { port } = listener
  const stranger = connect({ ca, servername: 'gantry', host: '127.0.0.1', port, ALPNProtocols: ['test-unknown/1'] })
  stranger.on('error', () => undefined)
  expect(await unknown.promise).toBeNull()
  stranger.destroy()
})

test('what is no TLS, or speaks another protocol, is sent away and harms nobody', async () => {
  const { listener, server } = await linked()
  for (const sent of ['GET / HTTP/1.1\r\n\r\n', '\0'.repeat(10_000)]) {
    const socket = connectPlain(listener.port, '127.0.0.1')
    socket.write(sent)
    await gone(socket)
  }
  const { port } = listener
  for (const ALPNProtocols of [['h2'], []]) {
    await gone(connect({ ...mutualTls(AGENT), host: '127.0.0.1', port, ALPNProtocols }))
  }
  expect(await server.calls.answers('x', 1)).toBe(true)
})

test('an address gets so many connections and no more, until one of them is closed', async () => {
  const { listener, server } = await linked({ options: { limits: { total: 10, perAddress: 2 } } })
  const second = await rogueAgent(listener.port)
  await gone(connectPlain(listener.port, '127.0.0.1'))
  second.destroy()
  await gone(second)
  const again = await rogueAgent(listener.port)
  expect(again.authorized).toBe(true)
  expect(await server.calls.answers('x', 1)).toBe(true)
})

test('the listener takes no more connections in all than it was told', async () => {
  const listener = await listening({ limits: { total: 1, perAddress: 10 } })
  await rogueAgent(listener.port)
  await gone(connectPlain(listener.port, '127.0.0.1'))
})

test('an agent goes next where it was sent to, and stays with whoever serves it', async () => {
  const leader: AgentConnection[] = []
  const { port: leads } = await listening({ onAgent: (connection) => leader.push(connection) })
  const { port: follows } = await listening({
    onAgent: (connection) => {
      connection.onMessage(() => undefined)
      connection.send({ kind: 'elsewhere', leader: `127.0.0.1:${leads}` })
      connection.close()
    },
  })
  const link = dialling(follows)
  const first = await link.connect(idleCalls())
  first.onMessage(() => undefined)
  await closed(first)
  await link.connect(idleCalls())
  expect(leader).toHaveLength(1)
})

test('an agent tries every server, and says of each why it did not answer', async () => {
  const { port } = await listening()
  const refused = await listening()
  await refused.close()
  const names = [`127.0.0.1:${refused.port}`, 'no address', `127.0.0.1:${port}`]
  const link = dialling(port, AGENT, reasonLog(), () => names)
  for (let n = 0; n < 5; n++) (await link.connect(idleCalls())).close()
  names.pop()
  const failure = await dialling(port, AGENT, reasonLog(), () => names)
    .connect(idleCalls())
    .catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('connection refused') })
  expect(failure).toMatchObject({ message: expect.stringContaining('no address is no address of a server') })
})

test('closing the listener ends its connections, and agents are told', async () => {
  const { listener, agent, server } = await linked()
  const told = Promise.all([closed(agent), closed(server)])
  await listener.close()
  await told
})

test('what a server says before it closes a connection still arrives', async () => {
  const { agent, server } = await linked()
  const atAgent = collect(agent)
  agent.send(aHello())
  server.send({ kind: 'elsewhere', leader: '10.0.0.1:7947' })
  server.close()
  expect(await atAgent(1)).toEqual([{ kind: 'elsewhere', leader: '10.0.0.1:7947' }])
  await closed(agent)
})

test('a port that is taken, and an address of another machine, are told apart', async () => {
  const { port } = await listening()
  await expect(listening({ port })).rejects.toMatchObject({ code: 'PORT_IN_USE' })
  await expect(listening({ host: '192.0.2.1' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('an agent that is connected is asked for another interval', async () => {
  let everyMs = 250
  const greeted = Promise.withResolvers<AgentConnection>()
  const listener = await listening({ heartbeatMs: () => everyMs, onAgent: greeted.resolve })
  const agent = performServerHandshake(await rogueAgent(listener.port))
  const asked = Promise.withResolvers<unknown>()
  agent.on('stream', (stream, { ':path': path, 'heartbeat-ms': every }) => {
    stream.respond({ ':status': 200 })
    if (path === '/pace') asked.resolve(every)
  })
  await greeted.promise
  expect(listener.sessions).toBe(1)
  everyMs = 1_000
  expect(await asked.promise).toBe('1000')
})

test.each([
  ['250', 200],
  ['1', 400],
])('an agent that is asked to say every %s ms that it is there answers %i', async (every, status) => {
  const answered = Promise.withResolvers<unknown>()
  const pings = Promise.withResolvers<void>()
  const port = await rogueServer((socket) => {
    const session = connectHttp2('http://agent', { createConnection: () => socket })
    session.on('error', () => undefined)
    session.request({ ':method': 'POST', ':path': '/messages', 'heartbeat-ms': '10000' }, { endStream: false })
    const asking = session.request({ ':method': 'POST', ':path': '/pace', 'heartbeat-ms': every })
    asking.once('response', ({ ':status': answer }) => answered.resolve(answer))
    asking.resume()
    let heard = 0
    session.on('ping', () => {
      heard += 1
      if (heard === 6) pings.resolve()
    })
  })
  const agent = await dialling(port).connect(idleCalls())
  expect(await answered.promise).toBe(status)
  if (status === 200) await pings.promise
  agent.close()
})

test.each([249, 10_001])('a heartbeat every %i ms is refused', async (heartbeatMs) => {
  await expect(listening({ heartbeatMs: () => heartbeatMs })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})
