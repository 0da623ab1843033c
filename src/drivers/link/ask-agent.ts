import type { ClientHttp2Session } from 'node:http2'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import type { AgentCalls } from '../../ports/link.ts'
import type { LogLine } from '../../ports/runtime.ts'
import { type Answered, type Asked, ending, logLine, QUESTIONS, type QuestionName } from './call-forms.ts'
import { type CallStream, callOpener } from './call-stream.ts'
import { askExec } from './exec-ask.ts'
import { encodeFrame, valueIn } from './frames.ts'
import type { LinkSession } from './link-session.ts'
import { readForm } from './read-form.ts'
import { fromWireError } from './wire-error.ts'

/** For what needs no more than a look: a runtime that hangs must not hold those up who ask. */
const ANSWER_WITHIN_MS: Millis = 30_000

/** What a server can ask of the agent at the other end. `isOpen`: whether the connection is not being closed. */
export function askAgent(session: LinkSession<ClientHttp2Session>, isOpen: () => boolean): AgentCalls {
  const open = callOpener(session, isOpen)
  const ask = async <N extends QuestionName>(
    name: N,
    asked: Asked<N>,
    withinMs = ANSWER_WITHIN_MS,
  ): Promise<Answered<N>> => {
    const value = await answerTo(open(name), name, asked, withinMs)
    return readForm<unknown>(QUESTIONS[name].answered, value, `the answer to ${name}`) as Answered<N>
  }
  return {
    logs: async function* (taskId, query, signal) {
      signal.throwIfAborted()
      yield* linesOf(open('logs'), { taskId, query }, signal)
    },
    exec: async (taskId, request) => askExec(open('exec'), { taskId, request }),
    docker: async (request) => askExec(open('docker'), { request }),
    survey: (images) => ask('survey', { images: [...images] }),
    samples: () => ask('samples', {}),
    hostStats: () => ask('hostStats', {}),
    answers: (address, withinMs) => ask('answers', { address, withinMs }, withinMs + ANSWER_WITHIN_MS),
  }
}

async function answerTo(call: CallStream, name: string, asked: object, withinMs: Millis): Promise<unknown> {
  let late = false
  const timer = setTimeout(() => {
    late = true
    call.leave()
  }, withinMs)
  try {
    call.http2.end(encodeFrame(asked))
    // To the end: a stream that is left before costs both ends more.
    let answer: Buffer | null = null
    for await (const frame of call.frames) answer ??= frame
    if (answer === null) throw call.gone()
    return valueOrFailure(valueIn(answer))
  } catch (error) {
    if (late) throw new OperationalError('TIMEOUT', `the agent did not answer ${name} within ${withinMs / 1_000} s`)
    throw error
  } finally {
    clearTimeout(timer)
    call.leave()
  }
}

async function* linesOf(call: CallStream, asked: object, signal: AbortSignal): AsyncGenerator<LogLine> {
  signal.addEventListener('abort', call.leave, { once: true })
  try {
    call.http2.end(encodeFrame(asked))
    for await (const frame of call.frames) {
      const value = valueIn(frame)
      const line = logLine.safeParse(value)
      signal.throwIfAborted()
      if (line.success) yield line.data
      else {
        valueOrFailure(value)
        return
      }
    }
    throw call.gone()
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', call.leave)
    call.leave()
  }
}

/** The value of an answer, or the failure that the agent told. */
function valueOrFailure(answer: unknown): unknown {
  const read = readForm(ending, answer, 'an answer of an agent')
  if ('error' in read) throw fromWireError(read.error)
  return read.value
}
