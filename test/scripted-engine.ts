import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { parseEngineAddress } from '../src/drivers/docker/address.ts'
import { EngineConnection } from '../src/drivers/docker/connection.ts'

export interface EngineCall {
  readonly method: string
  /** Without the version. */
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

type Answer = (call: EngineCall) => void | Promise<void>

/** A server on a socket of its own that answers as a test says: for what no real engine can be made to do. */
export class ScriptedEngine {
  /** `GET /containers/json`, in the order in which they came. */
  readonly asked: string[] = []
  readonly socket: string
  readonly #answer: Answer
  readonly #directory = mkdtempSync(join(tmpdir(), 'gantry-scripted-'))
  #server: Server | null = null

  private constructor(answer: Answer) {
    this.#answer = answer
    this.socket = join(this.#directory, 'engine.sock')
  }

  /** One that closes with its test. It answers what version it speaks by itself. */
  static async forTest(answer: Answer): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine(answer)
    await engine.listen()
    onTestFinished(async () => {
      await engine.hangUp()
      rmSync(engine.#directory, { recursive: true, force: true })
    })
    return engine
  }

  get host(): string {
    return `unix://${this.socket}`
  }

  /** A connection to it that closes with the test. */
  connect(): EngineConnection {
    const connection = new EngineConnection(parseEngineAddress(this.host))
    onTestFinished(() => connection.close())
    return connection
  }

  async listen(): Promise<void> {
    this.#server = createServer((request, response) => void this.#take(request, response))
    this.#server.on('upgrade', (request, socket) => {
      // As an engine does that refuses to run something.
      socket.end('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 21\r\n\r\n{"message":"refused"}')
      request.resume()
    })
    await once(this.#server.listen(this.socket), 'listening')
  }

  /** Breaks all connections off and stops listening. */
  async hangUp(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    const closed = once(server.close(), 'close')
    server.closeAllConnections()
    await closed
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://engine')
    const path = pathname.replace(/^\/v1\.\d+/, '')
    const { method = '' } = request
    const body = await text(request)
    if (path === '/version') return void response.end(VERSION)
    this.asked.push(`${method} ${path}`)
    await this.#answer({ method, path, query, body, request, response })
  }
}

const VERSION = JSON.stringify({ Version: '20.10.24', ApiVersion: '1.41', MinAPIVersion: '1.12' })

/** Answers with JSON. */
export function json({ response }: EngineCall, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
