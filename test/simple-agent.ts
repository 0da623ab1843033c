import type { AgentMessage, Hello, ServerMessage } from '../src/core/model/message.ts'
import { isTerminal, type Task, type TaskStatus } from '../src/core/model/task.ts'
import type { Clock } from '../src/ports/clock.ts'
import type { AgentCalls, AgentConnection } from '../src/ports/link.ts'
import type { ExecRequest, ExecSession, LogLine } from '../src/ports/runtime.ts'
import { aNode } from './builders.ts'

export interface SimpleAgent extends AgentConnection {
  /** All that its server said, in order. */
  readonly heard: readonly ServerMessage[]
  /** Its machine is gone, and nobody is told why. */
  leave(): void
}

/** An agent that runs whatever it is told to, at once and without a machine. `reaches`: whether it reaches other machines. */
export function simpleAgent(
  clock: Clock,
  says: Partial<Hello> = {},
  reaches = async (): Promise<boolean> => true,
): SimpleAgent {
  const held = new Map<string, TaskStatus>()
  const heard: ServerMessage[] = []
  let tell: (message: AgentMessage) => void = () => undefined
  let closed: () => void = () => undefined
  let gone = false
  const soon = (call: () => void): void => void clock.callAt(clock.now(), () => gone || call())
  const obey = (message: ServerMessage): void => {
    if (gone) return
    heard.push(message)
    if (message.kind !== 'assignment') return
    const changed = message.tasks.flatMap((task) => {
      const before = held.get(task.id) ?? task.status
      const status = nextStatus(task, before, clock.now())
      held.set(task.id, status)
      return status === before ? [] : [{ taskId: task.id, status }]
    })
    if (changed.length > 0) soon(() => tell({ kind: 'report', statuses: changed }))
  }
  return {
    send: obey,
    onMessage: (handle) => {
      tell = handle
      const { id: _, ...node } = aNode()
      const machineId = 'machine-1'
      const hello: Hello = { ...node, machineId, kind: 'hello', level: 1, nodeId: null, authority: null }
      soon(() => tell({ ...hello, ...says }))
    },
    onClose: (handle) => {
      closed = handle
    },
    onDoubt: () => undefined,
    close: () => {
      gone = true
      closed()
    },
    peer: null,
    heard,
    leave: () => {
      gone = true
      closed()
    },
    calls: calls(held, clock, reaches),
  }
}

function nextStatus(task: Task, status: TaskStatus, now: number): TaskStatus {
  if (isTerminal(status.state) && status.state !== 'lost') return status
  if (task.desired === 'stopped') return { ...status, state: 'stopped', ready: false, finishedAt: now }
  if (task.desired === 'prepared') return { ...status, state: 'preparing', prepared: true }
  if (status.state === 'running') return status
  const begun = { prepared: true, ready: true, startedAt: now, readyAt: now, containerId: `container-of-${task.id}` }
  return { ...status, ...begun, state: 'running' }
}

function calls(held: ReadonlyMap<string, TaskStatus>, clock: Clock, reaches: () => Promise<boolean>): AgentCalls {
  return {
    logs: async function* (taskId, { follow, tail }, signal) {
      const lines: LogLine[] = [1, 2, 3].map((n) => ({ stream: 'stdout', at: n, text: `${taskId} says ${n}` }))
      yield* tail === null ? lines : lines.slice(lines.length - tail)
      if (follow && !signal.aborted) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      }
    },
    exec: async (_taskId, request) => echo(request),
    docker: async ({ argv }) => echo({ ...NO_TERMINAL, argv }),
    survey: async (images) => ({ runtimes: aNode().runtimes, presentImages: images }),
    samples: async () =>
      [...held].map(([taskId]) => ({ taskId, cpuMillis: 1.5, memoryBytes: 1_000_000, at: clock.now() })),
    answers: () => reaches(),
    hostStats: async () => ({
      memoryTotalBytes: 8 * 1024 ** 3,
      memoryAvailableBytes: 4 * 1024 ** 3,
      diskTotalBytes: 100 * 1024 ** 3,
      diskFreeBytes: 60 * 1024 ** 3,
      cpuBusyMs: 1_000,
      cpuTotalMs: 10_000,
      load1: 0.5,
      load5: 0.4,
      load15: 0.3,
    }),
  }
}

const NO_TERMINAL = { tty: false, stdin: false, env: {}, user: null, workingDir: null, size: null }

/** A program that says its arguments, repeats its input and ends with 7 when that ends. */
function echo({ argv, size }: ExecRequest): ExecSession {
  const queue: Uint8Array[] = []
  const ended = Promise.withResolvers<number>()
  let wake: () => void = () => undefined
  let open = true
  const say = (data: Uint8Array): void => {
    queue.push(data)
    wake()
  }
  const end = (): void => {
    open = false
    wake()
    ended.resolve(7)
  }
  const text = (words: string): Uint8Array => new TextEncoder().encode(words)
  say(text(`${argv.join(' ')} ${size === null ? '' : `${size.columns}x${size.rows}`}\n`))
  return {
    output: (async function* () {
      for (;;) {
        const data = queue.shift()
        if (data !== undefined) yield { stream: 'stdout' as const, data }
        else if (!open) return
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    })(),
    write: say,
    endInput: end,
    resize: (columns, rows) => say(text(`resized ${columns}x${rows}\n`)),
    exit: ended.promise,
    abort: end,
  }
}
