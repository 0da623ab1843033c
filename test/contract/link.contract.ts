import { expect, onTestFinished, test } from 'vitest'
import { OperationalError } from '../../src/core/errors.ts'
import type { AgentMessage, Hello, ServerMessage } from '../../src/core/model/message.ts'
import type { AgentCalls, AgentConnection, Link, ServerConnection } from '../../src/ports/link.ts'
import type { LogLine } from '../../src/ports/runtime.ts'
import { aTask } from '../builders.ts'
import {
  AN_EXEC,
  aHello,
  anAssignment,
  collect,
  endless,
  FOLLOW,
  gather,
  idleCalls,
  refusal,
  testProgram,
} from '../link-bed.ts'

/** How one implementation is put under test. */
export interface LinkUnderTest {
  readonly link: Link
  /** The next connection that arrives at the server. */
  readonly accepted: () => Promise<AgentConnection>
  /** Waits for the work; a simulated world lets its time pass meanwhile. */
  readonly settle: <T>(work: Promise<T>) => Promise<T>
  readonly dispose: () => Promise<void>
}

interface Both {
  readonly agent: ServerConnection
  readonly server: AgentConnection
  readonly settle: LinkUnderTest['settle']
}

type Connect = (calls?: AgentCalls) => Promise<Both>

/**
 * Every link passes this suite, real or simulated: what agents and servers may count on, whatever lies between them.
 *
 * `without` names the parts that the implementation does not have, each with the reason.
 */
export function linkContract(
  name: string,
  open: () => Promise<LinkUnderTest>,
  without: { readonly lostCalls?: string } = {},
): void {
  const connect: Connect = async (calls = idleCalls()) => {
    const { link, accepted, settle, dispose } = await open()
    onTestFinished(dispose)
    const [agent, server] = await settle(Promise.all([link.connect(calls), accepted()]))
    return { agent, server, settle }
  }
  messageContract(name, connect)
  endContract(name, connect)
  callContract(name, connect)
  if (without.lostCalls === undefined) lostCallContract(name, connect)
  logContract(name, connect)
  execContract(name, connect)
}

function messageContract(name: string, connect: Connect): void {
  test(`${name}: messages arrive in order, at both ends`, async () => {
    const { agent, server, settle } = await connect()
    const [atServer, atAgent] = [collect<AgentMessage>(server), collect<ServerMessage>(agent)]
    for (let n = 1; n <= 50; n++) {
      agent.send(aHello({ name: `agent ${n}` }))
      server.send(refusal(`no ${n}`))
    }
    expect((await settle(atServer(50))).map((message) => (message as Hello).name)).toEqual(numbered('agent'))
    expect(await settle(atAgent(50))).toEqual(numbered('no').map(refusal))
  })

  test(`${name}: what is sent before anybody listens waits`, async () => {
    const { agent, server, settle } = await connect()
    const hello = aHello()
    agent.send(hello)
    server.send(refusal('early'))
    // Something else has come back meanwhile.
    await settle(server.calls.answers('10.0.0.1', 5))
    expect(await settle(collect<AgentMessage>(server)(1))).toEqual([hello])
    expect(await settle(collect<ServerMessage>(agent)(1))).toEqual([refusal('early')])
  })

  test(`${name}: a message says to the last character what was sent`, async () => {
    const { agent, server, settle } = await connect()
    const atServer = collect<AgentMessage>(server)
    const message = 'ü 🚀 \u0000 "\\\n\u2028 日本 e\u0301'.repeat(1_000)
    const { status } = aTask({ status: { message, exitCode: 137, startedAt: Number.MAX_SAFE_INTEGER } })
    agent.send(aHello())
    agent.send({ kind: 'report', statuses: [{ taskId: 'web.1.1', status }] })
    expect((await settle(atServer(2)))[1]).toStrictEqual({ kind: 'report', statuses: [{ taskId: 'web.1.1', status }] })
  })

  test(`${name}: an assignment arrives as it was sent, however it changed`, async () => {
    const { agent, server, settle } = await connect()
    const atAgent = collect<ServerMessage>(agent)
    const tasks = [1, 2, 3].map((slot) => aTask({ slot }))
    const later = [...tasks.slice(1), aTask({ slot: 4 })].map((task) =>
      task.slot === 2 ? { ...task, desired: 'stopped' as const } : task,
    )
    const plain = [tasks, later, [], tasks, tasks.toReversed()].map((some) => anAssignment(some))
    const sent = [...plain, { ...anAssignment([]), dismissed: true as const }]
    for (const message of sent) server.send(message)
    expect(await settle(atAgent(sent.length))).toEqual(sent)
  })

  test(`${name}: an assignment of a thousand tasks arrives, and so does the next`, async () => {
    const { agent, server, settle } = await connect()
    const atAgent = collect<ServerMessage>(agent)
    const tasks = Array.from({ length: 1_000 }, (_, i) => aTask({ slot: i + 1, because: 'x'.repeat(1_000) }))
    const sent = [tasks, tasks.slice(500)].map((some) => anAssignment(some))
    for (const message of sent) server.send(message)
    expect(await settle(atAgent(2))).toEqual(sent)
  })
}

function endContract(name: string, connect: Connect): void {
  test(`${name}: the end of a connection is told once at both ends, whoever ends it`, async () => {
    for (const ender of ['agent', 'server'] as const) {
      const both = await connect()
      const told = { agent: 0, server: 0 }
      const closed = Promise.all(
        (['agent', 'server'] as const).map((end) => {
          both[end].onMessage(() => undefined)
          return new Promise<void>((resolve) => {
            both[end].onClose(() => {
              told[end] += 1
              resolve()
            })
          })
        }),
      )
      both[ender].close()
      both[ender].close()
      expect(told).toEqual({ agent: 0, server: 0 })
      await both.settle(closed)
      both.agent.close()
      both.server.close()
      await new Promise((resolve) => setImmediate(resolve))
      expect(told).toEqual({ agent: 1, server: 1 })
    }
  })

  test(`${name}: after the end nothing arrives and nothing can be sent`, async () => {
    const { agent, server, settle } = await connect()
    const heard: unknown[] = []
    agent.onMessage((message) => heard.push(message))
    server.onMessage((message) => heard.push(message))
    const closed = [agent, server].map((end) => new Promise<void>((resolve) => end.onClose(resolve)))
    agent.close()
    server.send(refusal('too late to be heard'))
    agent.send(aHello())
    await settle(Promise.all(closed))
    server.send(refusal('nobody is there'))
    agent.send(aHello())
    expect(heard).toEqual([])
  })
}

function callContract(name: string, connect: Connect): void {
  test(`${name}: a call is answered, and fails with the very error of the agent`, async () => {
    const failure = new OperationalError('NOT_FOUND', 'there is no such task', { hint: 'look' })
    const { server, settle } = await connect(idleCalls({ samples: () => Promise.reject(failure) }))
    expect(await settle(server.calls.survey(['a', 'b']))).toEqual({ runtimes: [], presentImages: ['a', 'b'] })
    expect(await settle(server.calls.answers('10.0.0.1', 5))).toBe(true)
    const { code, message, hint } = failure
    await expect(settle(server.calls.samples())).rejects.toMatchObject({ code, message, hint })
    await expect(settle(server.calls.samples())).rejects.toBeInstanceOf(OperationalError)
  })

  test(`${name}: many calls at once get each its own answer`, async () => {
    const { server, settle } = await connect()
    const names = numbered('image', 100)
    const answers = await settle(Promise.all(names.map((image) => server.calls.survey([image]))))
    expect(answers.flatMap(({ presentImages }) => presentImages)).toEqual(names)
  })
}

function lostCallContract(name: string, connect: Connect): void {
  test(`${name}: a call that nobody can answer any more fails, and so does every later one`, async () => {
    const asked = Promise.withResolvers<void>()
    const hostStats = (): Promise<never> => {
      asked.resolve()
      return new Promise(() => undefined)
    }
    const { agent, server, settle } = await connect(idleCalls({ hostStats }))
    for (const end of [agent, server]) end.onMessage(() => undefined)
    const lost = server.calls.hostStats()
    lost.catch(() => undefined)
    await settle(asked.promise)
    agent.close()
    await expect(settle(lost)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(settle(server.calls.survey([]))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
}

function logContract(name: string, connect: Connect): void {
  test(`${name}: log lines come in order, and a reader that leaves ends their source`, async () => {
    const ended = Promise.withResolvers<void>()
    const { server, settle } = await connect(idleCalls({ logs: endless({ onEnd: ended.resolve }) }))
    const texts: string[] = []
    const read = async (): Promise<void> => {
      for await (const { text } of server.calls.logs('web.1.1', FOLLOW, new AbortController().signal)) {
        texts.push(text)
        if (texts.length === 20) break
      }
    }
    await settle(read())
    expect(texts).toEqual(numbered('line', 20))
    await settle(ended.promise)
  })

  test(`${name}: a log that is aborted ends with the reason of the signal, and its source ends too`, async () => {
    const ended = Promise.withResolvers<void>()
    const { server, settle } = await connect(idleCalls({ logs: endless({ lines: 1, onEnd: ended.resolve }) }))
    const leaving = new AbortController()
    const reason = new Error('nobody looks any more')
    const lines = server.calls.logs('web.1.1', FOLLOW, leaving.signal)[Symbol.asyncIterator]()
    expect(await settle(lines.next())).toMatchObject({ value: { text: 'line 1' } })
    const next = lines.next()
    leaving.abort(reason)
    await expect(settle(next)).rejects.toBe(reason)
    await settle(ended.promise)
  })

  test(`${name}: a log ends when its source does, or fails as it does`, async () => {
    const logs = async function* (taskId: string): AsyncGenerator<LogLine> {
      yield { stream: 'stderr', at: 5, text: 'ü' }
      if (taskId === 'web.1.2') throw new OperationalError('NOT_FOUND', 'it is gone')
    }
    const { server, settle } = await connect(idleCalls({ logs }))
    const read = (taskId: string): Promise<LogLine[]> =>
      gather(server.calls.logs(taskId, FOLLOW, new AbortController().signal))
    expect(await settle(read('web.1.1'))).toEqual([{ stream: 'stderr', at: 5, text: 'ü' }])
    await expect(settle(read('web.1.2'))).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'it is gone' })
  })

  test(`${name}: messages and calls pass a log that stands still`, async () => {
    const { agent, server, settle } = await connect(idleCalls({ logs: endless({ text: 'x'.repeat(60_000) }) }))
    const lines = server.calls.logs('web.1.1', FOLLOW, new AbortController().signal)[Symbol.asyncIterator]()
    await settle(lines.next())
    const [atAgent, atServer] = [collect<ServerMessage>(agent), collect<AgentMessage>(server)]
    for (let n = 1; n <= 10_000; n++) {
      server.send(refusal(`no ${n}`))
      agent.send(aHello({ name: `agent ${n}` }))
    }
    expect((await settle(atAgent(10_000))).at(-1)).toEqual(refusal('no 10000'))
    expect((await settle(atServer(10_000))).at(-1)).toMatchObject({ name: 'agent 10000' })
    expect(await settle(server.calls.answers('10.0.0.1', 5))).toBe(true)
    await settle(Promise.resolve(lines.return?.(undefined)))
  })
}

function execContract(name: string, connect: Connect): void {
  test(`${name}: a command of Docker is run as programs are`, async () => {
    const asked: unknown[] = []
    const docker: AgentCalls['docker'] = async (request) => {
      asked.push(request)
      return testProgram({ ...AN_EXEC, argv: [...request.argv] })
    }
    const { server, settle } = await connect(idleCalls({ docker }))
    const session = await settle(server.calls.docker({ argv: ['ps', '-a'], timeoutMs: 5_000 }))
    expect(asked).toEqual([{ argv: ['ps', '-a'], timeoutMs: 5_000 }])
    session.abort()
  })

  test(`${name}: a program gets its input, tells its output and its end`, async () => {
    const { server, settle } = await connect(idleCalls({ exec: async (_, request) => testProgram(request) }))
    const session = await settle(server.calls.exec('web.1.1', AN_EXEC))
    session.resize(100, 30)
    session.write(Buffer.from('hello '))
    session.write(Buffer.from([0, 255, 10]))
    session.endInput()
    const output: string[] = []
    const read = async (): Promise<number> => {
      for await (const { stream, data } of session.output) output.push(`${stream} ${Buffer.from(data).toString('hex')}`)
      return session.exit
    }
    expect(await settle(read())).toBe(7)
    const hex = (text: string): string => Buffer.from(text).toString('hex')
    expect(output).toEqual([
      `stderr ${hex('cat')}`,
      `stderr ${hex('100x30')}`,
      `stdout ${hex('hello ')}`,
      'stdout 00ff0a',
    ])
  })

  test(`${name}: a long input and output come whole`, async () => {
    const { server, settle } = await connect(idleCalls({ exec: async (_, request) => testProgram(request) }))
    const session = await settle(server.calls.exec('web.1.1', { ...AN_EXEC, argv: [] }))
    const input = Buffer.alloc(3_000_000, 'all work and no play ')
    session.write(input)
    session.endInput()
    const read = async (): Promise<Buffer> => Buffer.concat((await gather(session.output)).map(({ data }) => data))
    expect((await settle(read())).equals(input)).toBe(true)
  })

  test(`${name}: a program that cannot be started fails with the error of the agent`, async () => {
    const exec = (): Promise<never> => Promise.reject(new OperationalError('CONFLICT', 'web.1.1 is not running'))
    const { server, settle } = await connect(idleCalls({ exec }))
    await expect(settle(server.calls.exec('web.1.1', AN_EXEC))).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'web.1.1 is not running',
    })
  })

  test(`${name}: a program that is left is told so, and its end is never known`, async () => {
    const left = Promise.withResolvers<void>()
    const exec: AgentCalls['exec'] = async (_, request) => testProgram(request, left.resolve)
    const { server, settle } = await connect(idleCalls({ exec }))
    const session = await settle(server.calls.exec('web.1.1', AN_EXEC))
    session.abort()
    await settle(left.promise)
    await expect(settle(session.exit)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test(`${name}: a program that breaks off ends with the error of the agent`, async () => {
    const failure = new OperationalError('UNAVAILABLE', 'the engine is gone')
    const exit = Promise.reject(failure)
    exit.catch(() => undefined)
    const exec: AgentCalls['exec'] = async (_, request) => ({
      ...testProgram(request),
      output: (async function* () {
        yield { stream: 'stdout' as const, data: Buffer.from('so far') }
        throw failure
      })(),
      exit,
    })
    const { server, settle } = await connect(idleCalls({ exec }))
    const session = await settle(server.calls.exec('web.1.1', AN_EXEC))
    session.exit.catch(() => undefined)
    const output = session.output[Symbol.asyncIterator]()
    expect(Buffer.from((await settle(output.next())).value.data).toString()).toBe('so far')
    await expect(settle(output.next())).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'the engine is gone' })
    await expect(settle(session.exit)).rejects.toMatchObject({ message: 'the engine is gone' })
  })
}

function numbered(word: string, count = 50): string[] {
  return Array.from({ length: count }, (_, i) => `${word} ${i + 1}`)
}
