import type { ServerHttp2Stream } from 'node:http2'
import type { AgentCalls } from '../../ports/link.ts'
import type { ExecSession } from '../../ports/runtime.ts'
import { dockerAsked, execAsked, execControl } from './call-forms.ts'
import { encodeControl, encodePieces, pieceIn } from './exec-channels.ts'
import { readForm } from './read-form.ts'
import type { WireFailure } from './wire-error.ts'
import { LEFT, writeAll } from './write-all.ts'

/** A call that is being answered, at the agent's end. */
export interface OpenCall {
  readonly stream: ServerHttp2Stream
  /** What comes after the question. */
  readonly input: AsyncIterable<Buffer>
  /** Aborts when the server no longer waits for the answer. */
  readonly left: AbortSignal
  /** What the server is told of a failure. */
  readonly failureOf: (error: unknown) => WireFailure
}

/** Runs a program for a server and passes its input and output on. */
export function answerExec(asked: unknown, calls: AgentCalls, call: OpenCall): Promise<void> {
  return answerProgram(() => {
    const { taskId, request } = readForm(execAsked, asked, 'the call exec')
    return calls.exec(taskId, request)
  }, call)
}

/** Runs a command of Docker for a server in the same way. */
export function answerDocker(asked: unknown, calls: AgentCalls, call: OpenCall): Promise<void> {
  return answerProgram(() => calls.docker(readForm(dockerAsked, asked, 'the call docker').request), call)
}

async function answerProgram(run: () => Promise<ExecSession>, call: OpenCall): Promise<void> {
  const { stream, left, failureOf } = call
  try {
    await passAll(await run(), call)
  } catch (error) {
    if (!left.aborted) await writeAll(stream, encodeControl({ error: failureOf(error) }))
  }
}

async function passAll(session: ExecSession, { stream, input, left }: OpenCall): Promise<void> {
  const abort = (): void => session.abort()
  left.addEventListener('abort', abort)
  try {
    if (left.aborted) throw LEFT
    await writeAll(stream, encodeControl({ started: true }))
    void passInput(session, input, left)
    for await (const { stream: channel, data } of session.output) {
      for (const piece of encodePieces(channel, data)) await writeAll(stream, piece)
    }
    await writeAll(stream, encodeControl({ exit: await session.exit }))
  } catch (error) {
    session.abort()
    // The server is told of this failure; how the program then ends is nobody's concern.
    session.exit.catch(() => undefined)
    throw error
  } finally {
    left.removeEventListener('abort', abort)
  }
}

async function passInput(session: ExecSession, input: AsyncIterable<Buffer>, left: AbortSignal): Promise<void> {
  try {
    for await (const frame of input) {
      const piece = pieceIn(frame)
      if (piece.channel === 'stdin') session.write(piece.data)
      else if (piece.channel === 'control') obey(session, piece.value)
    }
  } catch {
    // Whoever typed is gone, or types what is no input.
    if (!left.aborted) session.abort()
  }
}

function obey(session: ExecSession, value: unknown): void {
  const said = readForm(execControl, value, 'the control of a program')
  if ('resize' in said) session.resize(said.resize.columns, said.resize.rows)
  else session.endInput()
}
