import type { WebSocket } from 'ws'
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
import type { Connection } from './connection.ts'
import { answerError, refusedConnection } from './failures.ts'
import { FrameQueue } from './frame-queue.ts'
import { isTls, type Target, type UrlTarget } from './send.ts'
import type { ServerTrust } from './server-trust.ts'
import { baseOf, checkCarrier } from './server-url.ts'

/** Runs a program in a task, or a command of Docker on a node. Resolves once it has started. */
export async function openExec(
  connection: Connection,
  path: string,
  request: ExecRequest | DockerRequest,
): Promise<ExecSession> {
  const { target, socket } = await connection.each(async (target) => ({ target, socket: await open(target, path) }))
  const session = new RemoteExec(target, socket)
  socket.send(encodeControl({ start: request }))
  await session.started
  return session
}

async function open(target: Target, path: string): Promise<WebSocket> {
  const { WebSocket } = await import('ws')
  const token = target.token ?? null
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const trust = isTls(target) ? await trustIn(target) : {}
  const options = {
    headers,
    perMessageDeflate: false,
    maxPayload: 2 * MAX_FRAME_BYTES,
    handshakeTimeout: 10_000,
    ...trust,
  }
  const socket = new WebSocket(addressOf(target, path), options)
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket))
    socket.once('error', (cause) => reject(refusedConnection(target, cause)))
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.once('close', () =>
        reject(answerError(target, response.statusCode ?? 0, parseControl(Buffer.from(text)))),
      )
    })
  })
}

async function trustIn(target: UrlTarget): Promise<ServerTrust> {
  const { serverTrust } = await import('./server-trust.ts')
  return serverTrust(target).catch((cause: unknown) => {
    throw cause instanceof OperationalError ? cause : refusedConnection(target, cause)
  })
}

function addressOf(target: Target, path: string): string {
  if ('socketPath' in target) return `ws+unix:${target.socketPath}:${API_PREFIX}${path}`
  const base = baseOf(target.url)
  if (target.token !== null) checkCarrier(base)
  const { protocol, host } = base
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${API_PREFIX}${path}`
}

/** One program at the other end of a WebSocket. */
class RemoteExec implements ExecSession {
  readonly #target: Target
  readonly #socket: WebSocket
  readonly #queue: FrameQueue
  readonly #started = Promise.withResolvers<void>()
  readonly #exit = Promise.withResolvers<number>()

  constructor(target: Target, socket: WebSocket) {
    this.#target = target
    this.#socket = socket
    this.#queue = new FrameQueue(socket)
    // Who waits for the start or reads the output learns of a failure there.
    this.#started.promise.catch(() => undefined)
    this.#exit.promise.catch(() => undefined)
    socket.on('message', (data) => this.#receive(data as Buffer))
    socket.on('close', () => this.#fail(new OperationalError('UNAVAILABLE', 'the connection to the program broke off')))
    socket.on('error', () => socket.terminate())
  }

  get started(): Promise<void> {
    return this.#started.promise
  }

  get output(): ExecSession['output'] {
    return this.#queue
  }

  get exit(): Promise<number> {
    return this.#exit.promise
  }

  write(data: Uint8Array): void {
    const most = MAX_FRAME_BYTES - 1
    for (let at = 0; at < data.length; at += most) {
      this.#socket.send(encodeFrame(EXEC_CHANNELS.stdin, data.subarray(at, at + most)))
    }
  }

  endInput(): void {
    this.#socket.send(encodeControl({ eof: true }))
  }

  resize(columns: number, rows: number): void {
    this.#socket.send(encodeControl({ resize: { columns, rows } }))
  }

  abort(): void {
    this.#socket.terminate()
  }

  #receive(message: Buffer): void {
    const frame = decodeFrame(message)
    if (frame?.channel === EXEC_CHANNELS.stdout) this.#queue.push({ stream: 'stdout', data: frame.data })
    else if (frame?.channel === EXEC_CHANNELS.stderr) this.#queue.push({ stream: 'stderr', data: frame.data })
    else if (frame?.channel === EXEC_CHANNELS.control) this.#obey(parseControl(frame.data))
  }

  #obey(notice: unknown): void {
    if (typeof notice !== 'object' || notice === null) return
    if ('started' in notice) this.#started.resolve()
    else if ('exit' in notice && typeof notice.exit === 'number') this.#end(notice.exit)
    else if ('error' in notice) this.#fail(answerError(this.#target, 200, notice))
  }

  #end(code: number): void {
    this.#started.resolve()
    this.#queue.end(null)
    this.#exit.resolve(code)
    this.#socket.close(1000)
  }

  #fail(error: OperationalError): void {
    this.#started.reject(error)
    this.#queue.end(error)
    this.#exit.reject(error)
    this.#socket.terminate()
  }
}
