import { OperationalError } from '../../core/errors.ts'
import type { DockerRequest } from '../../ports/host.ts'
import type { ExecRequest, ExecSession } from '../../ports/runtime.ts'
import { execNotice } from './call-forms.ts'
import type { CallStream } from './call-stream.ts'
import { encodeControl, encodePieces, pieceIn } from './exec-channels.ts'
import { encodeFrame } from './frames.ts'
import { readForm } from './read-form.ts'
import { MOST_UNSENT_BYTES } from './session-limits.ts'
import { fromWireError } from './wire-error.ts'

type Output = { readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }

/** Runs a program through its agent. Resolves when it runs. */
export async function askExec(
  call: CallStream,
  asked: { readonly taskId: string; readonly request: ExecRequest } | { readonly request: DockerRequest },
): Promise<ExecSession> {
  try {
    call.http2.write(encodeFrame(asked))
    const first = await call.frames.next()
    if (first.done === true) throw call.gone()
    const said = eventIn(first.value)
    if ('failure' in said) throw said.failure
    return new RemoteProgram(call)
  } catch (error) {
    call.leave()
    throw error
  }
}

class RemoteProgram implements ExecSession {
  readonly output: ExecSession['output']
  readonly exit: Promise<number>
  readonly #call: CallStream
  #isLeft = false
  readonly #settle: { readonly resolve: (code: number) => void; readonly reject: (error: unknown) => void }

  constructor(call: CallStream) {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.exit = promise
    // Who waits for it sees the failure; if nobody does, it is no fault of this process.
    promise.catch(() => undefined)
    this.#call = call
    this.#settle = { resolve, reject }
    this.output = this.#output()
    // Also if nobody reads the output. After the program has told its end this does nothing.
    call.http2.once('close', () => reject(call.gone()))
  }

  write(data: Uint8Array): void {
    for (const piece of encodePieces('stdin', data)) this.#send(piece)
    if (this.#call.http2.writableLength <= MOST_UNSENT_BYTES) return
    this.#settle.reject(new OperationalError('LIMIT_EXCEEDED', 'the program takes in too little of its input'))
    this.#call.leave()
  }

  endInput(): void {
    this.#send(encodeControl({ end: true }))
  }

  resize(columns: number, rows: number): void {
    this.#send(encodeControl({ resize: { columns, rows } }))
  }

  abort(): void {
    this.#isLeft = true
    this.#settle.reject(new OperationalError('UNAVAILABLE', 'the program was left before its end'))
    this.#call.leave()
  }

  #send(frame: Buffer): void {
    if (this.#call.http2.writable) this.#call.http2.write(frame)
  }

  async *#output(): AsyncGenerator<Output> {
    try {
      for await (const frame of this.#call.frames) {
        const said = eventIn(frame)
        if ('failure' in said) throw said.failure
        if ('exit' in said) return this.#settle.resolve(said.exit)
        if ('output' in said) yield said.output
      }
      throw this.#call.gone()
    } catch (error) {
      this.#settle.reject(error)
      if (!this.#isLeft) throw error
    } finally {
      // Its reader may have left early.
      this.abort()
    }
  }
}

type ProgramEvent =
  | { readonly started: true }
  | { readonly output: Output }
  | { readonly exit: number }
  | { readonly failure: OperationalError }

function eventIn(frame: Buffer): ProgramEvent {
  const piece = pieceIn(frame)
  if (piece.channel !== 'control') {
    if (piece.channel === 'stdin') throw new OperationalError('UNAVAILABLE', 'a program has said its own input')
    return { output: { stream: piece.channel, data: piece.data } }
  }
  const notice = readForm(execNotice, piece.value, 'what is said of a program')
  if ('error' in notice) return { failure: fromWireError(notice.error) }
  return notice
}
