import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { OperationalError } from '../../core/errors.ts'
import type { ExecRequest, ExecSession } from '../../ports/runtime.ts'
import type { EngineConnection } from './connection.ts'
import { pieces } from './demux.ts'
import { connectionFailure, garbled } from './errors.ts'

// The engine may learn of an end a moment after the output has ended.
const EXIT_LOOKS = 100
const EXIT_LOOK_MS = 20

/** Runs a program in a running container and takes over its streams. */
export async function startExec(
  connection: EngineConnection,
  containerId: string,
  request: ExecRequest,
): Promise<ExecSession> {
  const doing = `run ${request.argv[0] ?? 'nothing'} in container ${containerId.slice(0, 12)}`
  const created = await connection.call({
    method: 'POST',
    path: `/containers/${containerId}/exec`,
    doing,
    body: {
      Cmd: request.argv,
      Tty: request.tty,
      AttachStdin: request.stdin,
      AttachStdout: true,
      AttachStderr: true,
      Env: Object.entries(request.env).map(([name, value]) => `${name}=${value}`),
      ...(request.user === null ? {} : { User: request.user }),
      ...(request.workingDir === null ? {} : { WorkingDir: request.workingDir }),
    },
  })
  const execId = (created.body as { Id?: unknown } | null)?.Id
  if (typeof execId !== 'string' || !/^[\w-]+$/.test(execId)) throw garbled(doing, 'names no program')
  const { socket, head } = await connection.hijack({
    method: 'POST',
    path: `/exec/${execId}/start`,
    doing,
    body: { Detach: false, Tty: request.tty },
  })
  return new HijackedSession({ connection, socket, head, execId, doing, request })
}

interface SessionParts {
  readonly connection: EngineConnection
  readonly socket: Duplex
  readonly head: Buffer
  readonly execId: string
  readonly doing: string
  readonly request: ExecRequest
}

class HijackedSession implements ExecSession {
  readonly output: ExecSession['output']
  readonly exit: Promise<number>
  readonly #parts: SessionParts
  readonly #settle: { resolve: (code: number | Promise<number>) => void; reject: (error: unknown) => void }
  #aborted = false
  #sizes = 0

  constructor(parts: SessionParts) {
    this.#parts = parts
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.exit = promise
    this.#settle = { resolve, reject }
    // Who waits for it sees the failure; if nobody does, it is no fault of this process.
    promise.catch(() => undefined)
    parts.socket.on('error', (error) => this.#fail(error))
    this.output = this.#output()
    const { size } = parts.request
    if (size !== null) this.resize(size.columns, size.rows)
  }

  write(data: Uint8Array): void {
    if (this.#parts.socket.writable) this.#parts.socket.write(data)
  }

  endInput(): void {
    this.#parts.socket.end()
  }

  resize(columns: number, rows: number): void {
    if (this.#parts.request.tty) void this.#resize(columns, rows, ++this.#sizes)
  }

  abort(): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#settle.reject(dropped(this.#parts.doing))
    this.#parts.socket.destroy()
  }

  async *#output(): AsyncGenerator<{ readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }> {
    const { socket, head, request } = this.#parts
    try {
      if (head.length > 0) socket.unshift(head)
      for await (const { stream, data } of pieces(socket as AsyncIterable<Buffer>, request.tty)) yield { stream, data }
      this.#settle.resolve(this.#exitCode())
    } catch (error) {
      this.#fail(error)
      if (!this.#aborted) throw this.#translated(error)
    } finally {
      // The reader left early: the program is told, and nobody will ever know its end. After an end this does nothing.
      this.abort()
    }
  }

  async #exitCode(): Promise<number> {
    const { connection, execId, doing } = this.#parts
    for (let look = 0; look < EXIT_LOOKS; look++) {
      const { body } = await connection.call({ method: 'GET', path: `/exec/${execId}/json`, doing })
      const { Running: running, ExitCode: code } = (body ?? {}) as { Running?: boolean; ExitCode?: number | null }
      if (running !== true && typeof code === 'number') return code
      await pause(EXIT_LOOK_MS)
    }
    throw new OperationalError('UNAVAILABLE', `cannot ${doing} to its end: the output ended, the program did not`)
  }

  /** The engine refuses a size until the program has started, and no longer takes one when it has ended. */
  async #resize(columns: number, rows: number, number: number): Promise<void> {
    const { connection, execId, doing } = this.#parts
    for (let look = 0; look < EXIT_LOOKS && number === this.#sizes && !this.#parts.socket.destroyed; look++) {
      try {
        await connection.call({ method: 'POST', path: `/exec/${execId}/resize`, doing, query: { w: columns, h: rows } })
        return
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error
        await pause(EXIT_LOOK_MS)
      }
    }
  }

  #fail(error: unknown): void {
    this.#settle.reject(this.#aborted ? dropped(this.#parts.doing) : this.#translated(error))
  }

  #translated(error: unknown): unknown {
    return connectionFailure(error, this.#parts.doing, this.#parts.connection.address)
  }
}

function dropped(doing: string): OperationalError {
  return new OperationalError('UNAVAILABLE', `cannot ${doing} to its end: the session was dropped`)
}
