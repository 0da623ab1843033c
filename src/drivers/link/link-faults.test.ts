import { EventEmitter } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import {
  AN_EXEC,
  aHello,
  anAssignment,
  endless,
  FOLLOW,
  gather,
  idleCalls,
  refusal,
  testProgram,
} from '../../../test/link-bed.ts'
import {
  closed,
  dialling,
  gone,
  HEARTBEAT_MS,
  linked,
  listening,
  reasonLog,
  rogueAgent,
  rogueServer,
} from '../../../test/link-network.ts'
import { TcpGate } from '../../../test/stores/tcp-gate.ts'
import { OperationalError } from '../../core/errors.ts'
import type { AgentConnection } from '../../ports/link.ts'
import { serveServer } from './agent-end.ts'
import { encodeFrame, MAX_FRAME_BYTES } from './frames.ts'
import { GIVE_UP_AFTER_MS } from './heartbeat.ts'
import { LinkSession } from './link-session.ts'

/** An agent that answers the stream of messages as it likes, and never anything else. */
async function agentThat(
  misbehaves: (messages: ServerHttp2Stream, socket: TLSSocket) => void,
  onAgent: (connection: AgentConnection) => void = (connection) => connection.onMessage(() => undefined),
): Promise<{ readonly reason: () => Promise<string>; readonly socket: TLSSocket }> {
  const log = reasonLog()
  const listener = await listening({ log, onAgent })
  const socket = await rogueAgent(listener.port)
  const session = performServerHandshake(socket)
  session.on('error', () => undefined)
  session.on('stream', (stream) => {
    stream.on('error', () => undefined)
    stream.respond({ ':status': 200 })
    misbehaves(stream, socket)
  })
  return { reason: () => log.next(), socket }
}

/** What an agent of ours says of a server that does this with the session. */
async function reasonAtAgent(misbehaves: (session: ClientHttp2Session) => void): Promise<string> {
  const port = await rogueServer((socket) => {
    const session = connect('http://agent', { createConnection: () => socket })
    session.on('error', () => undefined)
    misbehaves(session)
  })
  const log = reasonLog()
  const agent = await dialling(port, undefined, log).connect(idleCalls())
  agent.onMessage(() => expect.unreachable('it was believed'))
  return log.next()
}

function say(session: ClientHttp2Session, bytes: Buffer): void {
  const stream = session.request({ ':method': 'POST', ':path': '/messages' }, { endStream: false })
  stream.on('error', () => undefined)
  stream.write(bytes)
}

/** With it whoever is dialled begins to speak HTTP/2. */
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])

const TOO_LONG = Buffer.alloc(4)
TOO_LONG.writeUInt32BE(MAX_FRAME_BYTES + 1)
const NO_JSON = Buffer.from([0, 0, 0, 2, 0x7b, 0x7b])
const TOLD = 'the other end sent what is no message: '

test('an agent that says what is no message is sent away, and the server knows why', async () => {
  for (const [bytes, reason] of [
    [TOO_LONG, `${TOLD}a message of ${MAX_FRAME_BYTES + 1} bytes was announced over the link`],
    [NO_JSON, `${TOLD}a message over the link is not JSON`],
    [encodeFrame({ order: 1 }), `${TOLD}cannot read a message of an agent at kind: Invalid`],
    [encodeFrame({ kind: 'report', statuses: [{ taskId: 7 }] }), 'at statuses.0.taskId'],
    [encodeFrame({ ...aHello(), nodeId: -1 }), 'at nodeId'],
  ] as const) {
    const { reason: told } = await agentThat((messages) => messages.write(bytes))
    expect(await told()).toContain(reason)
  }
})

test('a server that says what is no message is left, and the agent knows why', async () => {
  const { tasks: _, ...delta } = { ...anAssignment([]), anew: false, added: [], changed: [], removed: [], order: null }
  for (const [bytes, reason] of [
    [TOO_LONG, `${TOLD}a message of ${MAX_FRAME_BYTES + 1} bytes was announced over the link`],
    [NO_JSON, `${TOLD}a message over the link is not JSON`],
    [encodeFrame({ kind: 'refused' }), `${TOLD}cannot read a message of a server at message`],
    [
      encodeFrame({ ...delta, tasks: 0 }),
      `${TOLD}an assignment was sent as the difference from one that never arrived`,
    ],
    [encodeFrame({ ...delta, anew: true, tasks: 1 }), `${TOLD}an assignment was sent as the difference`],
  ] as const) {
    expect(await reasonAtAgent((session) => say(session, bytes))).toContain(reason)
  }
})

test('keys of a later version are left out of what is received', async () => {
  const heard = Promise.withResolvers<unknown>()
  await agentThat(
    (messages) => messages.write(encodeFrame({ ...aHello(), mood: 'good' })),
    (connection) => connection.onMessage(heard.resolve),
  )
  expect(await heard.promise).toEqual(aHello())
})

test('messages of a kind that a later version added are passed over', async () => {
  const heard = Promise.withResolvers<unknown>()
  await agentThat(
    (messages) => messages.write(Buffer.concat([encodeFrame({ kind: 'weather', mood: 1 }), encodeFrame(aHello())])),
    (connection) => connection.onMessage(heard.resolve),
  )
  expect(await heard.promise).toEqual(aHello())
})

test('whoever says something else than HTTP/2 never becomes an agent', async () => {
  const log = reasonLog()
  const listener = await listening({ log, onAgent: () => expect.unreachable('it became one') })
  const socket = await rogueAgent(listener.port)
  socket.write('GET / HTTP/1.1\r\nHost: gantry\r\n\r\n'.repeat(100))
  await gone(socket)
  expect(await log.next()).toContain('the connection broke')
})

test('an agent that breaks the rules of HTTP/2 later loses its connection', async () => {
  const log = reasonLog()
  const accepted = Promise.withResolvers<AgentConnection>()
  const listener = await listening({ log, onAgent: accepted.resolve })
  const socket = await rogueAgent(listener.port)
  socket.resume()
  socket.write(EMPTY_SETTINGS)
  const told = closed(await accepted.promise)
  socket.write(Buffer.alloc(5_000, 0xff))
  await told
  expect(await log.next()).toContain('Protocol error')
})

test('what listens for agents and speaks no HTTP/2 is no server', async () => {
  const port = await rogueServer((socket) => socket.write('220 mail.example.org ESMTP\r\n'.repeat(10)))
  await expect(dialling(port).connect(idleCalls())).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('the connection broke'),
  })
})

test('a server that closes at once is no server', async () => {
  const port = await rogueServer((socket) => socket.end())
  await expect(dialling(port).connect(idleCalls())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('an assignment that is too large to send ends the connection, and the server knows why', async () => {
  const { agent, server, log } = await linked()
  const told = Promise.all([closed(agent), closed(server)])
  const text = 'x'.repeat(MAX_FRAME_BYTES)
  server.send(refusal(text))
  await told
  expect(await log.server.next()).toContain('cannot send a message of')
})

test('an agent that takes in none of its messages loses its connection before they fill the memory', async () => {
  const over = Promise.withResolvers<number>()
  const { reason } = await agentThat(
    (messages) => messages.write(encodeFrame(aHello())),
    (connection) => {
      connection.onMessage(() => undefined)
      let sent = 0
      const more = (): void => {
        for (let n = 0; n < 10; n++) connection.send(refusal('x'.repeat(100_000)))
        sent += 1
      }
      const sending = setInterval(more, 1)
      connection.onClose(() => {
        clearInterval(sending)
        over.resolve(sent)
      })
    },
  )
  expect(await reason()).toBe('the other end does not take in its messages')
  // 32 MiB, and what was on its way.
  expect(await over.promise).toBeLessThan(50)
})

test('a peer that reads no more, and one that is cut off without a word, are given up', async () => {
  const gates: TcpGate[] = []
  onTestFinished(async () => {
    for (const gate of gates) await gate.close()
  })
  const { agent, server, log } = await linked({
    through: async (port) => {
      const gate = await TcpGate.before(port)
      gates.push(gate)
      return Number(gate.host.split(':')[1])
    },
  })
  agent.send(aHello())
  const told = Promise.all([closed(agent), closed(server)])
  await server.calls.survey([])
  const began = performance.now()
  gates[0]?.shut()
  await told
  expect([await log.agent.next(), await log.server.next()]).toEqual([
    'the server does not answer',
    'the agent is silent',
  ])
  // When exactly is shown where the clock is a fake one; here the machine may be busy.
  expect(performance.now() - began).toBeLessThan(5 * GIVE_UP_AFTER_MS)
})

test('a connection on which only a long log moves is alive', async () => {
  const logs = endless({ text: 'x'.repeat(60_000) })
  const { agent, server, log } = await linked({ calls: idleCalls({ logs }) })
  agent.send(aHello())
  server.onMessage(() => undefined)
  const until = performance.now() + 2 * HEARTBEAT_MS + GIVE_UP_AFTER_MS
  for await (const _ of server.calls.logs('web.1.1', FOLLOW, new AbortController().signal)) {
    if (performance.now() > until) break
  }
  expect(log.server.reasons).toEqual([])
})

test('the end of a connection ends what the agent was doing for the server', async () => {
  const logEnded = Promise.withResolvers<void>()
  const programLeft = Promise.withResolvers<void>()
  const { agent, server } = await linked({
    calls: idleCalls({
      logs: endless({ lines: 1, onEnd: logEnded.resolve }),
      exec: async (_, request) => testProgram(request, programLeft.resolve),
    }),
  })
  server.onMessage(() => undefined)
  const lines = server.calls.logs('web.1.1', FOLLOW, new AbortController().signal)[Symbol.asyncIterator]()
  await lines.next()
  const session = await server.calls.exec('web.1.1', AN_EXEC)
  const nextLine = expect(lines.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  const output = expect(gather(session.output)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  agent.close()
  await Promise.all([logEnded.promise, programLeft.promise, nextLine, output])
  await expect(session.exit).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a log that is left while it stands still ends its source', async () => {
  const ended = Promise.withResolvers<void>()
  const leaving = new AbortController()
  const logs = endless({ text: 'x'.repeat(60_000), onEnd: ended.resolve })
  const { server } = await linked({ calls: idleCalls({ logs }) })
  const lines = server.calls.logs('web.1.1', FOLLOW, leaving.signal)[Symbol.asyncIterator]()
  await lines.next()
  // Meanwhile the agent fills the window and waits.
  await server.calls.answers('x', 1)
  leaving.abort(new Error('enough'))
  await ended.promise
  await expect(lines.next()).rejects.toThrow('enough')
})

test('thousands of logs and programs that are left do not cost the connection', async () => {
  const { agent, server } = await linked({
    calls: idleCalls({ logs: endless({}), exec: async (_, request) => testProgram(request) }),
  })
  agent.send(aHello())
  server.onMessage(() => undefined)
  for (let n = 0; n < 1_000; n++) {
    for await (const _ of server.calls.logs('web.1.1', FOLLOW, new AbortController().signal)) break
    const session = await server.calls.exec('web.1.1', AN_EXEC)
    session.abort()
  }
  expect(await server.calls.answers('x', 1)).toBe(true)
})

test('a program whose start is left is ended as soon as it has started', async () => {
  const asked = Promise.withResolvers<void>()
  const start = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  const { agent, server } = await linked({
    calls: idleCalls({
      exec: async (_, request) => {
        asked.resolve()
        await start.promise
        return testProgram(request, left.resolve)
      },
    }),
  })
  server.onMessage(() => undefined)
  const starting = expect(server.calls.exec('web.1.1', AN_EXEC)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await asked.promise
  const told = closed(agent)
  agent.close()
  await Promise.all([starting, told])
  start.resolve()
  await left.promise
})

test('a fault of the agent is told to nobody but its own log', async () => {
  const samples = (): Promise<never> => Promise.reject(new TypeError('the secret is 42'))
  const { server, log } = await linked({ calls: idleCalls({ samples }) })
  await expect(server.calls.samples()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'the other end of the link has met a fault of its own',
  })
  await expect(server.calls.samples()).rejects.toBeInstanceOf(OperationalError)
  expect(await log.agent.next()).toBe('undefined')
})

test('an answer in another form than the call has is no answer', async () => {
  const samples = async (): Promise<never> => [{ taskId: 'web.1.1' }] as never
  const { server } = await linked({ calls: idleCalls({ samples }) })
  await expect(server.calls.samples()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('cannot read the answer to samples at 0.cpuMillis'),
  })
})

test('an agent of an earlier version says which call it does not know', async () => {
  const port = Promise.withResolvers<string>()
  const listening = rogueServer((socket) => {
    const session = connect('http://agent', { createConnection: () => socket })
    session.on('error', () => undefined)
    say(session, Buffer.alloc(0))
    const call = session.request({ ':method': 'POST', ':path': '/call/teleport' }, { endStream: false })
    call.end(encodeFrame({ to: 'the moon' }))
    void gather(call).then((chunks) => port.resolve(Buffer.concat(chunks as Buffer[]).toString()))
  })
  await dialling(await listening).connect(idleCalls())
  expect(await port.promise).toContain('this agent knows no call teleport')
})

test('a stream that is gone when the agent hears of it harms nobody', () => {
  const http2 = Object.assign(new EventEmitter(), { destroy: () => undefined })
  const session = new LinkSession(http2 as unknown as ServerHttp2Session, new Socket())
  const options = {
    calls: idleCalls(),
    onFault: () => undefined,
    onElsewhere: () => undefined,
    onPace: () => undefined,
  }
  void serveServer(session, options)
  const respond = (): never => expect.unreachable('nobody reads an answer')
  const stream = Object.assign(new PassThrough().destroy(), { respond })
  for (const path of ['/messages', '/pace', '/call/survey', '/nothing']) http2.emit('stream', stream, { ':path': path })
})
