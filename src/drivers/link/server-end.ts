import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import { OperationalError } from '../../core/errors.ts'
import type { NodeIdentity } from '../../core/model/identity.ts'
import type { AgentMessage, TaskSample } from '../../core/model/message.ts'
import type { HostStats } from '../../ports/host.ts'
import type { AgentCalls, AgentConnection, Survey } from '../../ports/link.ts'
import type { ExecRequest, ExecSession, LogLine, LogQuery } from '../../ports/runtime.ts'
import { readAgentMessage } from './agent-messages.ts'
import { DeltaSender } from './assignment-delta.ts'
import { ending, execOutput, logLine } from './call-forms.ts'
import { encodeFrame, framesOf } from './frames.ts'
import { fromWireError } from './wire-error.ts'

/** An agent as its server sees it, over a session that the agent has dialled. */
export function agentOver(session: ClientHttp2Session, peer: NodeIdentity): AgentConnection {
  const stream = open(session, '/session')
  const deltas = new DeltaSender()
  const onClose: (() => void)[] = []
  session.once('close', () => {
    for (const handle of onClose) handle()
  })
  return {
    send: (message) => {
      if (stream.destroyed) return
      stream.write(encodeFrame(message.kind === 'assignment' ? deltas.next(message) : message))
    },
    onMessage: (handle) => void takeMessages(stream, handle).finally(() => session.destroy()),
    onClose: (handle) => onClose.push(handle),
    close: () => {
      // What was sent before arrives; then the agent's end ends too.
      stream.end()
      session.close()
    },
    calls: callsOver(session),
    peer,
  }
}

async function takeMessages(stream: ClientHttp2Stream, handle: (message: AgentMessage) => void): Promise<void> {
  try {
    for await (const frame of framesOf(stream)) {
      const message = readAgentMessage(frame)
      // An agent that says what it must not say is not heard any more.
      if (message === null) return
      handle(message)
    }
  } catch {
    // The connection broke: its end is told by the session.
  }
}

function callsOver(session: ClientHttp2Session): AgentCalls {
  return {
    logs: (taskId, query, signal) => logs(session, { taskId, query }, signal),
    exec: (taskId, request) => exec(session, taskId, request),
    survey: (images) => ask<Survey>(session, 'survey', { images }),
    samples: () => ask<readonly TaskSample[]>(session, 'samples', {}),
    hostStats: () => ask<HostStats>(session, 'hostStats', {}),
    answers: (address, withinMs) => ask<boolean>(session, 'answers', { address, withinMs }),
  }
}

function open(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  if (session.destroyed || session.closed) throw gone()
  const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: false })
  // What goes wrong with it ends it, and is told where it is read.
  stream.on('error', () => undefined)
  return stream
}

async function ask<T>(session: ClientHttp2Session, name: string, given: object): Promise<T> {
  const stream = open(session, `/call/${name}`)
  stream.end(encodeFrame(given))
  for await (const frame of read(stream)) return answerIn(frame) as T
  throw gone()
}

async function* logs(
  session: ClientHttp2Session,
  given: { readonly taskId: string; readonly query: LogQuery },
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const stream = open(session, '/call/logs')
  const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL)
  signal.addEventListener('abort', cancel, { once: true })
  if (signal.aborted) cancel()
  try {
    stream.end(encodeFrame(given))
    for await (const frame of read(stream)) {
      const line = logLine.safeParse(frame)
      if (line.success) yield line.data
      else if (answerIn(frame) === null) return
    }
    if (!signal.aborted) throw gone()
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}

async function exec(session: ClientHttp2Session, taskId: string, request: ExecRequest): Promise<ExecSession> {
  const stream = open(session, '/call/exec')
  stream.write(encodeFrame({ taskId, request }))
  const frames = read(stream)
  const first = await frames.next()
  if (first.done === true) throw gone()
  answerIn(first.value)
  const exit = Promise.withResolvers<number>()
  // Whoever does not wait for the end need not hear that it never came.
  exit.promise.catch(() => undefined)
  const say = (value: object): void => {
    if (!stream.destroyed && !stream.writableEnded) stream.write(encodeFrame(value))
  }
  return {
    output: outputOf(frames, exit),
    exit: exit.promise,
    write: (data) => say({ input: Buffer.from(data).toString('base64') }),
    endInput: () => say({ end: true }),
    resize: (columns, rows) => say({ columns, rows }),
    abort: () => stream.close(constants.NGHTTP2_CANCEL),
  }
}

async function* outputOf(
  frames: AsyncGenerator<unknown>,
  exit: PromiseWithResolvers<number>,
): AsyncGenerator<{ readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }> {
  try {
    for await (const frame of frames) {
      const said = execOutput.safeParse(frame)
      if (!said.success) throw fromWireError((frame as { error?: unknown }).error)
      if ('exit' in said.data) return exit.resolve(said.data.exit)
      yield { stream: said.data.stream, data: Buffer.from(said.data.data, 'base64') }
    }
    throw gone()
  } catch (error) {
    exit.reject(error)
    throw error
  }
}

/** The frames of an answer; a connection that breaks is UNAVAILABLE, like one that was never there. */
async function* read(stream: ClientHttp2Stream): AsyncGenerator<unknown> {
  try {
    yield* framesOf(stream)
  } catch (error) {
    throw error instanceof OperationalError ? error : gone(error)
  }
}

function answerIn(frame: unknown): unknown {
  const read = ending.safeParse(frame)
  if (!read.success) throw new OperationalError('UNAVAILABLE', 'the agent answered with what is no answer')
  if ('error' in read.data) throw fromWireError(read.data.error)
  return read.data.value
}

function gone(cause?: unknown): OperationalError {
  return new OperationalError('UNAVAILABLE', 'the connection to the agent is gone', { cause })
}
