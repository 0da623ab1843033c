import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import { OperationalError } from '../../core/errors.ts'
import type { ServerMessage } from '../../core/model/message.ts'
import type { AgentCalls, ServerConnection } from '../../ports/link.ts'
import type { ExecSession } from '../../ports/runtime.ts'
import { type AssignmentDelta, DeltaReceiver } from './assignment-delta.ts'
import { CALLS, type CallName, execCall, execInput, logsCall } from './call-forms.ts'
import { encodeFrame, framesOf } from './frames.ts'
import { toWireError } from './wire-error.ts'

/** Serves a server's session at the agent's end. Resolves with the connection when the server has opened its stream of messages. */
export function serveAgent(session: Http2Session, calls: AgentCalls): Promise<ServerConnection> {
  return new Promise((resolve, reject) => {
    session.once('close', () => reject(new OperationalError('UNAVAILABLE', 'the server ended the connection')))
    session.on('stream', (stream: ServerHttp2Stream, headers) => {
      // What goes wrong with a stream ends it, and is told where it is read.
      stream.on('error', () => undefined)
      stream.respond({ ':status': 200 })
      const path = String(headers[':path'])
      if (path === '/session') resolve(connectionOver(session, stream))
      else void answer(path.slice('/call/'.length), stream, calls)
    })
  })
}

function connectionOver(session: Http2Session, stream: ServerHttp2Stream): ServerConnection {
  const deltas = new DeltaReceiver()
  const onClose: (() => void)[] = []
  session.once('close', () => {
    for (const handle of onClose) handle()
  })
  return {
    send: (message) => {
      if (!stream.destroyed) stream.write(encodeFrame(message))
    },
    onMessage: (handle) => {
      void pump(stream, (frame) => {
        const message = frame as ServerMessage | (AssignmentDelta & { kind: 'assignment' })
        handle('changed' in message ? deltas.next(message) : message)
      }).finally(() => session.destroy())
    },
    onClose: (handle) => onClose.push(handle),
    close: () => {
      stream.end()
      session.close()
    },
  }
}

async function pump(stream: ServerHttp2Stream, take: (frame: unknown) => void): Promise<void> {
  try {
    for await (const frame of framesOf(stream)) take(frame)
  } catch (error) {
    // The connection broke, or what came over it is no message: it is over either way.
    stream.destroy(error instanceof Error ? error : undefined)
  }
}

async function answer(name: string, stream: ServerHttp2Stream, calls: AgentCalls): Promise<void> {
  const frames = framesOf(stream)
  try {
    const first = (await frames.next()).value
    if (name === 'logs') await answerLogs(logsCall.parse(first), stream, calls)
    else if (name === 'exec') await answerExec(execCall.parse(first), frames, stream, calls)
    else if (Object.hasOwn(CALLS, name)) await send(stream, { value: await ask(name as CallName, first, calls) })
    else throw new OperationalError('METHOD_NOT_ALLOWED', `this agent knows no call ${name}`)
  } catch (error) {
    if (!stream.destroyed) stream.write(encodeFrame({ error: toWireError(error) }))
  }
  if (!stream.destroyed) stream.end()
}

function ask(name: CallName, frame: unknown, calls: AgentCalls): Promise<unknown> {
  switch (name) {
    case 'survey':
      return calls.survey(CALLS.survey.parse(frame).images)
    case 'samples':
      return calls.samples()
    case 'hostStats':
      return calls.hostStats()
    case 'answers': {
      const { address, withinMs } = CALLS.answers.parse(frame)
      return calls.answers(address, withinMs)
    }
  }
}

async function answerLogs(
  { taskId, query }: ReturnType<typeof logsCall.parse>,
  stream: ServerHttp2Stream,
  calls: AgentCalls,
): Promise<void> {
  const left = new AbortController()
  stream.once('close', () => left.abort(new Error('nobody reads any more')))
  for await (const line of calls.logs(taskId, query, left.signal)) {
    if (left.signal.aborted) return
    await send(stream, line)
  }
  await send(stream, { value: null })
}

async function answerExec(
  { taskId, request }: ReturnType<typeof execCall.parse>,
  input: AsyncGenerator<unknown>,
  stream: ServerHttp2Stream,
  calls: AgentCalls,
): Promise<void> {
  const session = await calls.exec(taskId, request)
  stream.once('close', () => session.abort())
  await send(stream, { value: null })
  void takeInput(session, input)
  for await (const { stream: name, data } of session.output)
    await send(stream, { stream: name, data: Buffer.from(data).toString('base64') })
  await send(stream, { exit: await session.exit })
}

async function takeInput(session: ExecSession, frames: AsyncGenerator<unknown>): Promise<void> {
  try {
    for await (const frame of frames) {
      const said = execInput.parse(frame)
      if ('input' in said) session.write(Buffer.from(said.input, 'base64'))
      else if ('end' in said) session.endInput()
      else session.resize(said.columns, said.rows)
    }
  } catch {
    // Whoever typed is gone, or types what is no input.
    session.abort()
  }
}

/** Waits for a slow reader. */
async function send(stream: ServerHttp2Stream, value: unknown): Promise<void> {
  if (stream.destroyed) throw new OperationalError('UNAVAILABLE', 'the server is gone')
  if (stream.write(encodeFrame(value))) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.once('drain', done)
    stream.once('close', done)
  })
}
