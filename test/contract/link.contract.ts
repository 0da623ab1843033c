import { expect, onTestFinished, test } from 'vitest'
import { OperationalError } from '../../src/core/errors.ts'
import type { AgentMessage, Assignment, Hello, ServerMessage } from '../../src/core/model/message.ts'
import type { AgentCalls, AgentConnection, Link, ServerConnection } from '../../src/ports/link.ts'
import type { ExecSession, LogLine } from '../../src/ports/runtime.ts'
import { aTask } from '../builders.ts'
import { idleCalls } from '../link-bed.ts'

/** How one implementation is put under test. */
export interface LinkUnderTest {
  readonly link: Link
  /** The next connection that arrives at the server. */
  readonly accepted: () => Promise<AgentConnection>
  readonly dispose: () => Promise<void>
}

interface Both {
  readonly agent: ServerConnection
  readonly server: AgentConnection
}

/** Every link passes this suite: what agents and servers may count on, whatever lies between them. */
export function linkContract(name: string, open: () => Promise<LinkUnderTest>): void {
  const connected = async (calls: AgentCalls = idleCalls()): Promise<Both> => {
    const subject = await open()
    onTestFinished(() => subject.dispose())
    const [agent, server] = await Promise.all([subject.link.connect(calls), subject.accepted()])
    return { agent, server }
  }

  test(`${name}: messages arrive in order, at both ends`, async () => {
    const { agent, server } = await connected()
    const [atServer, atAgent] = [collect<AgentMessage>(server), collect<ServerMessage>(agent)]
    for (let n = 1; n <= 50; n++) {
      agent.send({ ...HELLO, name: `agent ${n}` })
      server.send({ kind: 'refused', message: `no ${n}` })
    }
    expect((await atServer(50)).map((message) => (message as Hello).name)).toEqual(numbered('agent'))
    expect((await atAgent(50)).map((message) => (message as { message: string }).message)).toEqual(numbered('no'))
  })

  test(`${name}: an assignment arrives as it was sent, however it changed`, async () => {
    const { agent, server } = await connected()
    const atAgent = collect<ServerMessage>(agent)
    const tasks = [1, 2, 3].map((slot) => aTask({ slot }))
    const later = [...tasks.slice(1), aTask({ slot: 4 })].map((task) =>
      task.slot === 2 ? { ...task, desired: 'stopped' as const } : task,
    )
    const sent = [tasks, later, [], tasks].map(assignment)
    for (const message of sent) server.send(message)
    const arrived = (await atAgent(4)) as Assignment[]
    expect(arrived.map(byId)).toEqual(sent.map(byId))
  })

  test(`${name}: the end of a connection is told once at both ends, whoever ends it`, async () => {
    for (const ender of ['agent', 'server'] as const) {
      const both = await connected()
      const told = { agent: 0, server: 0 }
      const closed = Promise.all(
        (['agent', 'server'] as const).map(
          (end) =>
            new Promise<void>((resolve) => {
              both[end].onMessage(() => undefined)
              both[end].onClose(() => {
                told[end] += 1
                resolve()
              })
            }),
        ),
      )
      both[ender].close()
      both[ender].close()
      await closed
      await new Promise((resolve) => setImmediate(resolve))
      expect(told).toEqual({ agent: 1, server: 1 })
    }
  })

  test(`${name}: a call is answered, and fails with the very error of the agent`, async () => {
    const { server } = await connected(
      idleCalls({
        samples: () => Promise.reject(new OperationalError('NOT_FOUND', 'there is no such task', { hint: 'look' })),
      }),
    )
    expect(await server.calls.survey(['a', 'b'])).toEqual({ runtimes: [], presentImages: ['a', 'b'] })
    expect(await server.calls.answers('10.0.0.1', 5)).toBe(true)
    await expect(server.calls.samples()).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'there is no such task',
      hint: 'look',
    })
  })

  test(`${name}: log lines come in order, and a reader that leaves ends their source`, async () => {
    const ended = Promise.withResolvers<void>()
    const logs = async function* (_: string, __: unknown, signal: AbortSignal): AsyncGenerator<LogLine> {
      try {
        for (let n = 1; !signal.aborted; n++) {
          await new Promise((resolve) => setImmediate(resolve))
          yield { stream: 'stdout', at: n, text: `line ${n}` }
        }
      } finally {
        ended.resolve()
      }
    }
    const { server } = await connected(idleCalls({ logs }))
    const leaving = new AbortController()
    const texts: string[] = []
    for await (const { text } of server.calls.logs('web.1.1', FOLLOW, leaving.signal)) {
      texts.push(text)
      if (texts.length === 20) leaving.abort()
      if (texts.length >= 20) break
    }
    expect(texts).toEqual(numbered('line', 20))
    await ended.promise
  })

  test(`${name}: a program gets its input, tells its output and its end`, async () => {
    const { server } = await connected(idleCalls({ exec: async () => echo() }))
    const session = await server.calls.exec('web.1.1', EXEC)
    session.write(Buffer.from('hello '))
    session.write(Buffer.from('world'))
    session.endInput()
    let text = ''
    for await (const { stream, data } of session.output) text += `${stream} ${Buffer.from(data).toString()};`
    expect(text).toBe('stdout hello ;stdout world;')
    expect(await session.exit).toBe(7)
  })
}

const HELLO: Hello = {
  kind: 'hello',
  wireVersion: 1,
  nodeId: null,
  machineId: 'machine-1',
  name: 'agent',
  hostname: 'host',
  placement: 'default',
  address: null,
  publicAddress: null,
  labels: {},
  capacity: { cpuMillis: 1_000, memoryBytes: 1, diskBytes: 1 },
  runtimes: [],
  version: '1',
  authority: null,
}
const FOLLOW = { follow: true, tail: null, since: null }
const EXEC = { argv: ['cat'], tty: false, stdin: true, env: {}, user: null, workingDir: null, size: null }

function assignment(tasks: Assignment['tasks']): Assignment {
  return { kind: 'assignment', authority: { clusterId: 'c', incarnation: 1, epoch: 1, revision: 1 }, nodeId: 1, tasks }
}

/** Assignments name their tasks, in whatever order. */
function byId({ tasks, ...rest }: Assignment): unknown {
  return { ...rest, tasks: [...tasks].sort((a, b) => (a.id < b.id ? -1 : 1)) }
}

function numbered(word: string, count = 50): string[] {
  return Array.from({ length: count }, (_, i) => `${word} ${i + 1}`)
}

/** Gathers what arrives; asked for a number, waits until so many have. */
function collect<M>(end: { onMessage(handle: (message: M) => void): void }): (count: number) => Promise<M[]> {
  const arrived: M[] = []
  let wake = (): void => undefined
  end.onMessage((message) => {
    arrived.push(message)
    wake()
  })
  return async (count) => {
    while (arrived.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    return arrived
  }
}

/** A program that repeats its input and ends with 7. */
function echo(): ExecSession {
  const chunks: Uint8Array[] = []
  const exit = Promise.withResolvers<number>()
  let wake = (): void => undefined
  let over = false
  const output = async function* () {
    for (;;) {
      const data = chunks.shift()
      if (data !== undefined) yield { stream: 'stdout' as const, data }
      else if (over) {
        exit.resolve(7)
        return
      } else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  return {
    output: output(),
    exit: exit.promise,
    write: (data) => {
      chunks.push(data)
      wake()
    },
    endInput: () => {
      over = true
      wake()
    },
    resize: () => undefined,
    abort: () => undefined,
  }
}
