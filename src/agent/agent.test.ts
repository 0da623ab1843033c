import { expect, test } from 'vitest'
import { aTask } from '../../test/builders.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import type { AgentMessage, Assignment, Authority, ServerMessage } from '../core/model/message.ts'
import { createRng } from '../lib/rng.ts'
import type { Host } from '../ports/host.ts'
import type { Container, Runtime } from '../ports/runtime.ts'
import { Agent } from './agent.ts'

const AUTHORITY: Authority = { clusterId: 'c1', incarnation: 1, epoch: 1, revision: 10 }

interface Bed {
  tell(order: Partial<Assignment>): Promise<void>
  readonly running: () => string[]
  readonly errors: readonly string[]
  /** How many containers there were each time that the agent said that nothing unknown is left. */
  readonly settledWith: readonly number[]
}

/** An agent with these containers, as a server told it that runs them, and the means to tell it something else. */
async function anAgent(containers: readonly string[], trusts: () => boolean): Promise<Bed> {
  const clock = new VirtualClock({ guarded: false })
  const present = new Map(containers.map((id) => [`id of ${id}`, aContainer(id)]))
  const errors: string[] = []
  let send: (message: ServerMessage) => void = () => undefined
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined }
  const settledWith: number[] = []
  const hear = (message: AgentMessage): void => {
    if (message.kind === 'report' && message.settled === true) settledWith.push(present.size)
  }
  const connection = {
    send: hear,
    onClose: () => undefined,
    close: () => undefined,
  }
  let text: string | null = null
  const agent = new Agent({
    clock,
    rng: createRng(1),
    log: { ...silent, error: (message) => errors.push(message) },
    host: aHost(),
    link: { connect: async () => ({ ...connection, onMessage: (handle) => (send = handle) }), prefer: () => undefined },
    reach: { answers: async () => true, knock: async () => 'open' },
    watchdog: { uptime: () => clock.now(), arm: async () => undefined, armed: async () => new Map() },
    runtimes: [aRuntime(present)],
    cache: {
      read: async () => text,
      write: async (next) => {
        text = next
      },
    },
    trusts,
    config: {
      name: 'a',
      nodeId: 1,
      placement: 'default',
      address: null,
      publicAddress: null,
      region: null,
      zone: null,
      labels: {},
      version: '1',
      level: 1,
    },
  })
  await agent.start()
  const pass = (): Promise<void> => clock.runUntil(clock.now() + 5_000, () => true)
  await pass()
  const tell = async (order: Partial<Assignment>): Promise<void> => {
    send({ kind: 'assignment', authority: AUTHORITY, nodeId: 1, tasks: [], ...order })
    await pass()
  }
  const tasks = containers.map((id) => taskOf(id))
  await tell({ tasks })
  return { tell, errors, settledWith, running: () => [...present.values()].map(({ taskId }) => taskId) }
}

function taskOf(id: string): Assignment['tasks'][number] {
  const [service = '', slot, attempt] = id.split('.')
  return aTask({ id, service, slot: Number(slot), attempt: Number(attempt), node: 1, desired: 'running' })
}

function aContainer(taskId: string): Container {
  const unknown = { exitCode: null, outOfMemory: false, message: '', pid: 1, address: null, finishedAt: null }
  return { ...unknown, id: `id of ${taskId}`, taskId, specHash: 'v1', state: 'running', startedAt: 0 }
}

function aRuntime(present: Map<string, Container>): Runtime {
  const known = { available: true, version: '1', message: '', unsupported: {} }
  const runtime: Partial<Runtime> = {
    kind: 'docker',
    describe: async () => ({ kind: 'docker', ...known }),
    list: async () => [...present.values()],
    inspect: async (id) => present.get(id) ?? null,
    watch: () => () => undefined,
    remove: async (id) => {
      // No engine is done at once.
      await Promise.resolve()
      present.delete(id)
    },
  }
  return runtime as Runtime
}

function aHost(): Host {
  const host: Partial<Host> = {
    hostname: 'a',
    capacity: async () => ({ cpuMillis: 1_000, memoryBytes: 1e9, diskBytes: 1e9 }),
  }
  return host as Host
}

const RESTORED: Authority = { ...AUTHORITY, incarnation: 2, revision: 5 }

test('a state that was put back and knows less removes nothing, until it is settled', async () => {
  const { tell, running } = await anAgent(['web.1.1', 'late.1.1'], () => true)
  await tell({ authority: RESTORED, tasks: [taskOf('web.1.1')], keepsUnknown: true })
  expect(running()).toEqual(['web.1.1', 'late.1.1'])
  await tell({ authority: { ...RESTORED, revision: 6 }, tasks: [taskOf('web.1.1')] })
  expect(running()).toEqual(['web.1.1'])
})

test('what a settled state does not know is removed however much it is, and the agent says that it is gone', async () => {
  const { tell, running, settledWith } = await anAgent(
    ['web.1.1', 'web.2.1', 'web.3.1', 'web.4.1', 'web.5.1'],
    () => true,
  )
  await tell({ authority: RESTORED, keepsUnknown: true })
  expect(settledWith).toEqual([])
  await tell({ authority: { ...RESTORED, revision: 6 }, settles: true })
  expect(running()).toEqual([])
  expect(settledWith).toEqual([0])
})

test('a task does not start beside one of its slot that must stay', async () => {
  const { tell, running } = await anAgent(['web.1.2'], () => true)
  await tell({ authority: RESTORED, tasks: [taskOf('web.1.1001')], keepsUnknown: true })
  expect(running()).toEqual(['web.1.2'])
})

test('an incarnation that no trusted authority has signed changes nothing, and people hear of it', async () => {
  const { tell, running, errors } = await anAgent(['web.1.1'], () => false)
  await tell({ authority: RESTORED, tasks: [] })
  expect(running()).toEqual(['web.1.1'])
  expect(errors).toContain('assignment refused, everything keeps running')
  // Who is believed already goes on being believed.
  await tell({ authority: { ...AUTHORITY, revision: 11 }, tasks: [] })
  expect(running()).toEqual([])
})
