import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket, WebSocketServer } from 'ws'
import * as z from 'zod'
import type { Api } from '../../control/api.ts'
import { OperationalError } from '../../core/errors.ts'
import type { DockerRequest } from '../../ports/host.ts'
import type { ExecRequest, ExecSession } from '../../ports/runtime.ts'
import {
  decodeFrame,
  EXEC_CHANNELS,
  encodeControl,
  encodeFrame,
  MAX_FRAME_BYTES,
  parseControl,
} from '../exec-frames.ts'
import { API_PREFIX } from '../wire.ts'
import { checkInput } from './check-input.ts'
import { errorAnswer } from './error-answer.ts'
import { findNode } from './find-node.ts'
import { lastAnswer } from './last-answer.ts'

export interface ExecDeps {
  readonly api: Api
  /** Who asks. Throws when the request may not come in. */
  readonly admit: (request: IncomingMessage) => string
  readonly newRequestId: () => string
}

const MAX_SESSIONS = 200
const START_WITHIN_MS = 10_000
const text = z.string().max(65_536)
const size = z.strictObject({ columns: z.int().min(1).max(10_000), rows: z.int().min(1).max(10_000) })

const start: z.ZodType<{ start: ExecRequest }> = z.strictObject({
  start: z.strictObject({
    argv: z.array(text).min(1).max(1_000),
    tty: z.boolean().default(false),
    stdin: z.boolean().default(false),
    env: z.record(z.string().regex(/^[^=\0]+$/, 'must be the name of a variable'), text).default({}),
    user: text.nullable().default(null),
    workingDir: text.nullable().default(null),
    size: size.nullable().default(null),
  }),
})
const startDocker: z.ZodType<{ start: DockerRequest }> = z.strictObject({
  start: z.strictObject({
    argv: z.array(text).min(1).max(1_000),
    timeoutMs: z
      .int()
      .min(1_000)
      .max(24 * 3_600_000),
  }),
})
const command = z.union([z.strictObject({ resize: size }), z.strictObject({ eof: z.literal(true) })])

/** The WebSockets on which programs are run in tasks, and commands of Docker on nodes. */
export class ExecSockets {
  readonly #deps: ExecDeps
  readonly #open = new Set<WebSocket>()
  #server: Promise<WebSocketServer> | null = null

  constructor(deps: ExecDeps) {
    this.#deps = deps
  }

  /** Whether a request asks for a program and not for something that an ordinary answer serves. */
  wants(request: IncomingMessage): boolean {
    return request.headers.upgrade?.toLowerCase() === 'websocket' && placeIn(request) !== null
  }

  /** Takes the connection over. What is wrong before it is a WebSocket is answered as HTTP. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const requestId = this.#deps.newRequestId()
    socket.on('error', () => socket.destroy())
    try {
      const by = this.#deps.admit(request)
      const place = this.wants(request) ? placeIn(request) : null
      if (place === null) throw new OperationalError('USAGE', 'there is no WebSocket here')
      const begin = this.#starter(place, by)
      if (this.#open.size >= MAX_SESSIONS)
        throw new OperationalError('UNAVAILABLE', 'too many programs are run already')
      const server = await this.#sockets()
      server.handleUpgrade(request, socket, head, (opened) => this.#serve(opened, begin, requestId))
    } catch (error) {
      lastAnswer(socket, errorAnswer(error, requestId))
    }
  }

  /** What is run there, once it is known what. Throws NOT_FOUND. */
  #starter(place: Place, by: string): Start {
    const { api } = this.#deps
    if (place.kind === 'task') {
      const { id } = api.task(place.name)
      return (first) => api.exec(id, checkInput(start, first, 'body').start)
    }
    const { id } = findNode(api, place.name)
    return (first) => api.docker(id, checkInput(startDocker, first, 'body').start, { by, idempotencyKey: null })
  }

  close(): void {
    for (const socket of this.#open) socket.close(1001, 'the server is going down')
  }

  /** Ends what has not closed by itself. */
  terminate(): void {
    for (const socket of this.#open) socket.terminate()
  }

  #sockets(): Promise<WebSocketServer> {
    this.#server ??= import('ws').then(({ WebSocketServer }) => {
      return new WebSocketServer({
        noServer: true,
        maxPayload: MAX_FRAME_BYTES,
        perMessageDeflate: false,
        clientTracking: false,
      })
    })
    return this.#server
  }

  #serve(socket: WebSocket, begin: Start, requestId: string): void {
    this.#open.add(socket)
    const late = setTimeout(() => socket.close(1008, 'no program was named in time'), START_WITHIN_MS)
    socket.on('error', () => socket.terminate())
    socket.once('close', () => {
      clearTimeout(late)
      this.#open.delete(socket)
    })
    socket.once('message', (message) => {
      clearTimeout(late)
      void this.#run(socket, begin, message as Buffer).catch((error: unknown) => {
        if (socket.readyState !== socket.OPEN) return
        socket.send(encodeControl(errorAnswer(error, requestId)))
        socket.close(1011)
      })
    })
  }

  async #run(socket: WebSocket, begin: Start, first: Buffer): Promise<void> {
    const frame = decodeFrame(first)
    const request = frame?.channel === EXEC_CHANNELS.control ? parseControl(frame.data) : null
    // What comes while the program starts waits in the connection.
    socket.pause()
    const session = await begin(request)
    if (socket.readyState !== socket.OPEN) return session.abort()
    socket.once('close', () => session.abort())
    socket.on('message', (message) => obey(message as Buffer, socket, session))
    socket.resume()
    socket.send(encodeControl({ started: true }))
    for await (const { stream, data } of session.output) await deliver(socket, EXEC_CHANNELS[stream], data)
    socket.send(encodeControl({ exit: await session.exit }))
    socket.close(1000)
  }
}

type Start = (first: unknown) => Promise<ExecSession>

/** What a path of such a request names. */
type Place = { readonly kind: 'task' | 'node'; readonly name: string }

function placeIn(request: IncomingMessage): Place | null {
  const path = request.url?.split('?')[0] ?? ''
  const task = new RegExp(`^${API_PREFIX}/tasks/([^/]{1,300})/exec$`).exec(path)?.[1]
  const node = new RegExp(`^${API_PREFIX}/nodes/([^/]{1,300})/docker$`).exec(path)?.[1]
  const name = task ?? node
  try {
    return name === undefined ? null : { kind: task === undefined ? 'node' : 'task', name: decodeURIComponent(name) }
  } catch {
    return null // A malformed escape names nothing.
  }
}

function obey(message: Buffer, socket: WebSocket, session: ExecSession): void {
  const frame = decodeFrame(message)
  if (frame?.channel === EXEC_CHANNELS.stdin) {
    session.write(frame.data)
    return
  }
  const { success, data } = command.safeParse(
    frame?.channel === EXEC_CHANNELS.control ? parseControl(frame.data) : null,
  )
  if (!success) socket.close(1008, 'not a message that the server knows')
  else if ('resize' in data) session.resize(data.resize.columns, data.resize.rows)
  else session.endInput()
}

/** Sends output in pieces, waiting until each has left: a slow reader holds the program up, not our memory. */
async function deliver(socket: WebSocket, channel: 1 | 2, data: Uint8Array): Promise<void> {
  const most = MAX_FRAME_BYTES - 1
  for (let at = 0; at < data.length; at += most) {
    await new Promise<void>((resolve, reject) => {
      socket.send(encodeFrame(channel, data.subarray(at, at + most)), (error) => (error ? reject(error) : resolve()))
    })
  }
}
