import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2, performServerHandshake } from 'node:http2'
import { connect, createServer, type TLSSocket } from 'node:tls'
import type { AgentMessage } from '../src/core/model/message.ts'
import { dialLink } from '../src/drivers/link/dial.ts'
import { encodeFrame } from '../src/drivers/link/frames.ts'
import { listenForAgents } from '../src/drivers/link/listen.ts'
import { mutualTls } from '../src/drivers/pki/mutual-tls.ts'
import { createRng } from '../src/lib/rng.ts'
import type { AgentConnection } from '../src/ports/link.ts'
import { aTask } from '../test/builders.ts'
import { aCertifier, aHello, CLUSTER, idleCalls } from '../test/link-bed.ts'
import type { BenchResult, Measured } from './frame.ts'
import { contend } from './frame.ts'

const MESSAGES = 30_000
const CALLS = 5_000
/** As many as a listing of a large node asks for at once. */
const IN_FLIGHT = 64
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

const REPORT: AgentMessage = { kind: 'report', statuses: [{ taskId: 'web.1.1', status: aTask().status }] }

/** The link between agents and servers on the loopback, both ends in this process, against what it is made of. */
export async function run(): Promise<readonly BenchResult[]> {
  const bed = await aBed()
  try {
    const messages = (): Promise<Measured> => bed.messages()
    const calls = (): Promise<Measured> => bed.calls()
    const least = (part: number) => (ratio: { readonly median: number }) => ({
      met: ratio.median >= part,
      goal: `at least ${part} times as many`,
    })
    return [
      await contend({
        name: 'link-messages-tls',
        unit: 'messages/s',
        ours: messages,
        peer: () => bed.tlsMessages(),
        judge: least(0.3),
      }),
      await contend({
        name: 'link-messages-http2',
        unit: 'messages/s',
        ours: messages,
        peer: () => bed.http2Messages(),
        judge: least(0.4),
      }),
      await contend({
        name: 'link-calls-tls',
        unit: 'calls/s',
        ours: calls,
        peer: () => bed.tlsCalls(),
        judge: () => ({ met: null, goal: '–' }),
      }),
      await contend({
        name: 'link-calls-http2',
        unit: 'calls/s',
        ours: calls,
        peer: () => bed.http2Calls(),
        judge: least(0.5),
      }),
    ]
  } finally {
    await bed.close()
  }
}

interface Bed {
  messages(): Promise<Measured>
  tlsMessages(): Promise<Measured>
  http2Messages(): Promise<Measured>
  calls(): Promise<Measured>
  tlsCalls(): Promise<Measured>
  http2Calls(): Promise<Measured>
  close(): Promise<void>
}

async function aBed(): Promise<Bed> {
  const certify = await aCertifier()
  const [server, agent] = [await certify('server', 1), await certify('agent', 2)]
  const accepted = Promise.withResolvers<AgentConnection>()
  const listener = await listenForAgents({
    host: '127.0.0.1',
    port: 0,
    clusterId: CLUSTER,
    identity: server,
    revoked: () => new Set(),
    heartbeatMs: () => 2_000,
    log: SILENT,
    onAgent: accepted.resolve,
    protocols: {},
  })
  const link = dialLink({
    servers: () => [`127.0.0.1:${listener.port}`],
    identity: () => ({ clusterId: CLUSTER, files: agent }),
    rng: createRng(1),
    heartbeatMs: 2_000,
  })
  const atAgent = await link.connect(idleCalls())
  atAgent.onMessage(() => undefined)
  const atServer = await accepted.promise
  const heard = counter()
  atServer.onMessage(() => heard.add(1))
  atAgent.send(aHello())
  await heard.until(1)

  const pair = await tlsPair(mutualTls(server), mutualTls(agent))
  const http2 = await http2Over(await tlsPair(mutualTls(server), mutualTls(agent)))
  return {
    messages: () =>
      rate(MESSAGES, async () => {
        heard.reset()
        for (let n = 0; n < MESSAGES; n++) atAgent.send(REPORT)
        await heard.until(MESSAGES)
      }),
    tlsMessages: () => rate(MESSAGES, () => tlsBurst(pair)),
    http2Messages: () => rate(MESSAGES, () => http2Burst(http2)),
    calls: () => rate(CALLS, () => inFlight(() => atServer.calls.answers('10.0.0.1', 5))),
    tlsCalls: () => rate(CALLS, () => tlsEcho(pair)),
    http2Calls: () => rate(CALLS, () => inFlight(() => http2Call(http2))),
    close: async () => {
      await listener.close()
      http2.destroy()
      for (const socket of [pair.server, pair.agent]) socket.destroy()
    },
  }
}

async function rate(count: number, work: () => Promise<unknown>): Promise<Measured> {
  const began = performance.now()
  await work()
  return { value: count / ((performance.now() - began) / 1_000) }
}

interface Counter {
  add(n: number): void
  reset(): void
  until(count: number): Promise<void>
}

function counter(): Counter {
  let seen = 0
  let wake = (): void => undefined
  return {
    add: (n) => {
      seen += n
      wake()
    },
    reset: () => {
      seen = 0
    },
    until: (count) =>
      new Promise((resolve) => {
        wake = () => {
          if (seen >= count) resolve()
        }
        wake()
      }),
  }
}

async function inFlight(call: () => Promise<unknown>): Promise<void> {
  let left = CALLS
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) await call()
    }),
  )
}

interface Pair {
  readonly server: TLSSocket
  readonly agent: TLSSocket
}

/** Two ends of one bare connection with the same certificates. */
async function tlsPair(atServer: object, atAgent: object): Promise<Pair> {
  const listener = createServer(atServer).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const arrival = once(listener, 'secureConnection') as Promise<[TLSSocket]>
  const agent = connect({ ...atAgent, host: '127.0.0.1', port })
  const [[server]] = await Promise.all([arrival, once(agent, 'secureConnect')])
  listener.close()
  for (const socket of [server, agent]) socket.setNoDelay(true)
  return { server, agent }
}

/** The same messages as JSON in one write each, counted by their bytes and not looked at. */
async function tlsBurst({ server, agent }: Pair): Promise<void> {
  const heard = counter()
  const take = (chunk: Buffer): void => heard.add(chunk.length)
  server.on('data', take)
  const frame = encodeFrame(REPORT)
  for (let n = 0; n < MESSAGES; n++) agent.write(encodeFrame(REPORT))
  await heard.until(MESSAGES * frame.length)
  server.off('data', take)
}

/** One small message there and one back, as many in flight. */
async function tlsEcho({ server, agent }: Pair): Promise<void> {
  const frame = encodeFrame({ address: '10.0.0.1', withinMs: 5 })
  const heard = counter()
  const echo = (chunk: Buffer): void => void agent.write(chunk)
  let sent = 0
  let bytes = 0
  const next = (chunk: Buffer): void => {
    heard.add(chunk.length)
    bytes += chunk.length
    for (; sent < CALLS && sent < Math.floor(bytes / frame.length) + IN_FLIGHT; sent++) server.write(frame)
  }
  agent.on('data', echo)
  server.on('data', next)
  next(Buffer.alloc(0))
  await heard.until(CALLS * frame.length)
  agent.off('data', echo)
  server.off('data', next)
}

/** HTTP/2 as the link uses it, without anything of ours. What is asked comes back. */
async function http2Over({ server, agent }: Pair): Promise<ClientHttp2Session> {
  performServerHandshake(agent).on('stream', (stream) => {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  const session = connectHttp2('http://agent', { createConnection: () => server })
  await once(session, 'remoteSettings')
  return session
}

async function http2Burst(session: ClientHttp2Session): Promise<void> {
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
  const heard = counter()
  stream.on('data', (chunk: Buffer) => heard.add(chunk.length))
  const frame = encodeFrame(REPORT)
  for (let n = 0; n < MESSAGES; n++) stream.write(encodeFrame(REPORT))
  await heard.until(MESSAGES * frame.length)
  stream.close()
}

async function http2Call(session: ClientHttp2Session): Promise<void> {
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
  stream.end(encodeFrame({ address: '10.0.0.1', withinMs: 5 }))
  stream.resume()
  await once(stream, 'end')
}
