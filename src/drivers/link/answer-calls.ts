import type { ServerHttp2Stream } from 'node:http2'
import { OperationalError } from '../../core/errors.ts'
import type { AgentCalls } from '../../ports/link.ts'
import { type Answered, type Asked, logsAsked, QUESTIONS, type QuestionName } from './call-forms.ts'
import { answerDocker, answerExec, type OpenCall } from './exec-answer.ts'
import { bytesOf, encodeFrame, valueIn } from './frames.ts'
import { readForm } from './read-form.ts'
import { toWireError } from './wire-error.ts'
import { LEFT, writeAll } from './write-all.ts'

type Answers = { readonly [N in QuestionName]: (asked: Asked<N>, calls: AgentCalls) => Promise<Answered<N>> }

const ANSWERS: Answers = {
  survey: async ({ images }, calls) => {
    const { runtimes, presentImages } = await calls.survey(images)
    return { runtimes: [...runtimes], presentImages: [...presentImages] }
  },
  samples: async (_, calls) => [...(await calls.samples())],
  hostStats: (_, calls) => calls.hostStats(),
  answers: ({ address, withinMs }, calls) => calls.answers(address, withinMs),
}

/** Told of faults of this process: the server only hears that there was one. */
export type OnFault = (call: string, fault: unknown) => void

/** Answers one call of a server, at the agent's end. */
export async function answerCall(
  name: string,
  stream: ServerHttp2Stream,
  calls: AgentCalls,
  onFault: OnFault,
): Promise<void> {
  const frames = bytesOf(stream, { destroyOnReturn: false })
  const failureOf: OpenCall['failureOf'] = (error) => {
    if (!(error instanceof OperationalError)) onFault(name, error)
    return toWireError(error)
  }
  const call: OpenCall = { stream, input: frames, left: whenLeft(stream), failureOf }
  try {
    const first = await frames.next()
    if (first.done === true) throw new OperationalError('UNAVAILABLE', `the call ${name.slice(0, 40)} says nothing`)
    const asked = valueIn(first.value)
    if (name === 'exec') await answerExec(asked, calls, call)
    else if (name === 'docker') await answerDocker(asked, calls, call)
    else if (name === 'logs') await answerLogs(asked, calls, call)
    else await writeAll(stream, encodeFrame({ value: await answer(name, asked, calls) }))
  } catch (error) {
    if (!call.left.aborted) await writeAll(stream, encodeFrame({ error: failureOf(error) })).catch(() => undefined)
  }
  stream.end()
}

/** Aborts when the server reads no more. */
function whenLeft(stream: ServerHttp2Stream): AbortSignal {
  const left = new AbortController()
  const leave = (): void => left.abort(LEFT)
  stream.once('aborted', leave)
  stream.once('close', leave)
  if (stream.destroyed) leave()
  return left.signal
}

function answer(name: string, asked: unknown, calls: AgentCalls): Promise<unknown> {
  if (Object.hasOwn(QUESTIONS, name)) return answerTo(name as QuestionName, asked, calls)
  throw new OperationalError('METHOD_NOT_ALLOWED', `this agent knows no call ${name.slice(0, 40)}`)
}

function answerTo<N extends QuestionName>(name: N, asked: unknown, calls: AgentCalls): Promise<Answered<N>> {
  const given = readForm<unknown>(QUESTIONS[name].asked, asked, `the call ${name}`)
  return ANSWERS[name](given as Asked<N>, calls)
}

async function answerLogs(asked: unknown, calls: AgentCalls, { stream, left }: OpenCall): Promise<void> {
  const { taskId, query } = readForm(logsAsked, asked, 'the call logs')
  for await (const line of calls.logs(taskId, query, left)) await writeAll(stream, encodeFrame(line))
  await writeAll(stream, encodeFrame({ value: null }))
}
