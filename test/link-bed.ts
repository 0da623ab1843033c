import { OperationalError } from '../src/core/errors.ts'
import type { Role } from '../src/core/model/identity.ts'
import type { Assignment, Hello, Refused } from '../src/core/model/message.ts'
import { createAuthority } from '../src/drivers/pki/authority.ts'
import type { StoredIdentity } from '../src/drivers/pki/identity-files.ts'
import { issueCertificate } from '../src/drivers/pki/issue-certificate.ts'
import { newKeyAndRequest } from '../src/drivers/pki/request.ts'
import type { AgentCalls } from '../src/ports/link.ts'
import type { ExecRequest, ExecSession, LogLine } from '../src/ports/runtime.ts'
import { aNode } from './builders.ts'

export const CLUSTER = '0123456789abcdef'

/** Gives out identities of one cluster. */
export async function aCertifier(
  clusterId: string = CLUSTER,
): Promise<(role: Role, nodeId: number, now?: number) => Promise<StoredIdentity>> {
  const authority = await createAuthority(clusterId, Date.now())
  return async (role, nodeId, now = Date.now()) => {
    const { key, request } = await newKeyAndRequest()
    const terms = { clusterId, role, nodeId, addresses: ['127.0.0.1'], now, lifeMs: 3_600_000 }
    const certificate = await issueCertificate(authority, request, terms)
    return { key, certificate, bundle: authority.certificate, clusterKey: null }
  }
}

/** Calls of an agent that has nothing to tell. */
export function idleCalls(change: Partial<AgentCalls> = {}): AgentCalls {
  return {
    logs: async function* () {
      // It has no tasks.
    },
    exec: () => Promise.reject(new Error('nothing runs here')),
    survey: async (images) => ({ runtimes: [], presentImages: images }),
    samples: async () => [],
    hostStats: () => Promise.reject(new Error('nothing is measured here')),
    answers: async () => true,
    ...change,
  }
}

export function aHello(change: Partial<Hello> = {}): Hello {
  const { name, hostname, placement, address, publicAddress, labels, capacity, runtimes, version } = aNode()
  const node = { name, hostname, placement, address, publicAddress, labels, capacity, runtimes, version }
  return { kind: 'hello', level: 1, nodeId: null, machineId: 'machine-1', authority: null, ...node, ...change }
}

export function refusal(message: string): Refused {
  return { kind: 'refused', message }
}

export function anAssignment(tasks: Assignment['tasks']): Assignment {
  return { kind: 'assignment', authority: { clusterId: 'c', incarnation: 1, epoch: 1, revision: 1 }, nodeId: 1, tasks }
}

export const FOLLOW = { follow: true, tail: null, since: null }

export const AN_EXEC: ExecRequest = {
  argv: ['cat'],
  tty: false,
  stdin: true,
  env: {},
  user: null,
  workingDir: null,
  size: null,
}

/** Gathers what arrives; asked for a number, waits until so many have. */
export function collect<M>(end: { onMessage(handle: (message: M) => void): void }): (count: number) => Promise<M[]> {
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

/** All that there is. */
export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A log that goes on until nobody follows it any more; after so many lines it is silent. */
export function endless({
  lines = Number.POSITIVE_INFINITY,
  text = null,
  onEnd = () => undefined,
}: {
  readonly lines?: number
  readonly text?: string | null
  readonly onEnd?: () => void
}): AgentCalls['logs'] {
  return async function* (_, __, signal): AsyncGenerator<LogLine> {
    const left = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    try {
      for (let n = 1; n <= lines; n++) {
        signal.throwIfAborted()
        await new Promise((resolve) => setImmediate(resolve))
        yield { stream: 'stdout', at: n, text: text ?? `line ${n}` }
      }
      await left
      signal.throwIfAborted()
    } finally {
      onEnd()
    }
  }
}

/** A program that says its arguments and sizes on stderr, repeats its input on stdout and ends with 7 when that ends. */
export function testProgram({ argv }: ExecRequest, onAbort: () => void = () => undefined): ExecSession {
  const said: { stream: 'stdout' | 'stderr'; data: Uint8Array }[] = []
  const exit = Promise.withResolvers<number>()
  exit.promise.catch(() => undefined)
  let wake = (): void => undefined
  let over = false
  const say = (stream: 'stdout' | 'stderr', data: Uint8Array): void => {
    said.push({ stream, data })
    wake()
  }
  const end = (): void => {
    over = true
    wake()
  }
  if (argv.length > 0) say('stderr', Buffer.from(argv.join(' ')))
  const output = async function* () {
    for (;;) {
      const next = said.shift()
      if (next !== undefined) yield next
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
    write: (data) => say('stdout', data),
    endInput: end,
    resize: (columns, rows) => say('stderr', Buffer.from(`${columns}x${rows}`)),
    abort: () => {
      exit.reject(new OperationalError('UNAVAILABLE', 'it was left'))
      onAbort()
      end()
    },
  }
}
