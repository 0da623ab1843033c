import { expect, test } from 'vitest'
import { aService, aTask } from '../../test/builders.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import { OperationalError } from '../core/errors.ts'
import type { AgentMessage, Assignment, Authority, ServerMessage } from '../core/model/message.ts'
import { createRng } from '../lib/rng.ts'
import type { Host } from '../ports/host.ts'
import type { Link } from '../ports/link.ts'
import type { Container, Runtime } from '../ports/runtime.ts'
import { Agent } from './agent.ts'

const AUTHORITY: Authority = { clusterId: 'c1', incarnation: 1, epoch: 1, revision: 10 }

interface Bed {
  tell(order: Partial<Assignment>): Promise<void>
  /** The machine starts anew: what ran has ended, and no server is there until `tell`. */
  reboot(): Promise<void>
  /** The leader renews the leases of all tasks that it was asked for last. */
  renew(): Promise<void>
  readonly running: () => string[]
  readonly errors: readonly string[]
  /** What the agent said last that keeps it from taking anything in. */
  readonly trouble: () => string | null
  /** Why nothing can be written on the machine's disk; null: it can. */
  readonly disk: { full: OperationalError | null }
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
  const disk: Bed['disk'] = { full: null }
  let trouble: string | null = null
  let asked = 0
  const hear = (message: AgentMessage): void => {
    if (message.kind === 'hello') trouble = message.trouble ?? null
    if (message.kind === 'renew') asked = message.round
    if (message.kind === 'report' && message.settled === true) settledWith.push(present.size)
  }
  const connection = {
    address: null,
    send: hear,
    onClose: () => undefined,
    close: () => undefined,
  }
  let isServed = true
  const connect: Link['connect'] = async () => {
    if (!isServed) throw new OperationalError('UNAVAILABLE', 'no server is there')
    return { ...connection, onMessage: (handle) => (send = handle) }
  }
  let text: string | null = null
  const newAgent = (): Agent =>
    new Agent({
      clock,
      rng: createRng(1),
      log: { ...silent, error: (message) => errors.push(message) },
      host: aHost(),
      link: { connect, prefer: () => undefined },
      reach: { answers: async () => true, knock: async () => 'open' },
      watchdog: {
        uptime: () => clock.now(),
        arm: async () => {
          if (disk.full !== null) throw disk.full
        },
        armed: async () => new Map(),
      },
      runtimes: [aRuntime(present)],
      cache: {
        read: async () => text,
        write: async (next) => {
          if (disk.full !== null) throw disk.full
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
  let agent = newAgent()
  await agent.start()
  const pass = (ms = 5_000): Promise<void> => clock.runUntil(clock.now() + ms, () => true)
  await pass()
  const tell = async (order: Partial<Assignment>): Promise<void> => {
    // Long enough for one that has tried in vain for a while.
    if (!isServed) {
      isServed = true
      await pass(30_000)
    }
    send({ kind: 'assignment', authority: AUTHORITY, nodeId: 1, tasks: [], ...order })
    await pass()
  }
  const reboot = async (): Promise<void> => {
    await agent.stop({ park: false })
    for (const [id, container] of present) present.set(id, { ...container, state: 'exited', exitCode: 137 })
    isServed = false
    agent = newAgent()
    await agent.start()
    await pass()
  }
  const tasks = containers.map((id) => taskOf(id))
  await tell({ tasks })
  const running = (): string[] =>
    [...present.values()].filter(({ state }) => state === 'running').map(({ taskId }) => taskId)
  const renew = async (): Promise<void> => {
    send({ kind: 'renewed', round: asked, tasks: containers })
    await pass()
  }
  return { tell, reboot, errors, settledWith, running, disk, trouble: () => trouble, renew }
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
    start: async (id) => {
      const container = present.get(id)
      if (container !== undefined) present.set(id, { ...container, state: 'running', exitCode: null })
    },
    stop: async (id) => {
      const container = present.get(id)
      if (container !== undefined) present.set(id, { ...container, state: 'exited', exitCode: 143 })
    },
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

test('until a state that was put back is settled on every node, an exclusive task that has not run here since begins nothing', async () => {
  const tasks = [{ ...taskOf('db.1.1'), spec: aService({ name: 'db', exclusive: true }) }, taskOf('web.1.1')]
  const { tell, reboot, running } = await anAgent(['db.1.1', 'web.1.1'], () => true)
  await tell({ authority: { ...AUTHORITY, revision: 11 }, tasks })
  await reboot()
  await tell({ authority: RESTORED, tasks, keepsUnknown: true, unsettled: true })
  expect(running()).toEqual(['web.1.1'])
  await tell({ authority: { ...RESTORED, revision: 6 }, tasks, settles: true, unsettled: true })
  expect(running()).toEqual(['web.1.1'])
  await tell({ authority: { ...RESTORED, revision: 7 }, tasks })
  expect(running()).toEqual(['db.1.1', 'web.1.1'])
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

test('after its machine has started anew an exclusive task waits for a word of a leader, and no other one does', async () => {
  const tasks = [{ ...taskOf('db.1.1'), spec: aService({ name: 'db', exclusive: true }) }, taskOf('web.1.1')]
  const { tell, reboot, running } = await anAgent(['db.1.1', 'web.1.1'], () => true)
  await tell({ authority: { ...AUTHORITY, revision: 11 }, tasks })
  await reboot()
  expect(running()).toEqual(['web.1.1'])
  await tell({ authority: { ...AUTHORITY, revision: 12 }, tasks })
  expect(running()).toEqual(['db.1.1', 'web.1.1'])
})

const FULL = new OperationalError('STORE_FULL', 'cannot write agent.json: its disk is full')

test('an agent whose disk is full runs on, says so once, and takes in what waits when there is room', async () => {
  const { tell, running, errors, trouble, disk } = await anAgent(['web.1.1', 'late.1.1'], () => true)
  disk.full = FULL
  const order = { authority: { ...AUTHORITY, revision: 11 }, tasks: [taskOf('web.1.1')] }
  await tell(order)
  await tell(order)
  expect(running()).toEqual(['web.1.1', 'late.1.1'])
  expect(trouble()).toBe(FULL.message)
  expect(errors).toEqual(['cannot keep what is to run here'])
  disk.full = null
  await tell({ authority: { ...AUTHORITY, revision: 12 }, tasks: [taskOf('web.1.1')] })
  expect(running()).toEqual(['web.1.1'])
  expect(trouble()).toBeNull()
})

test('a lease that cannot be prolonged on a full disk is prolonged by the next renewal that can', async () => {
  const { tell, renew, running, errors, disk } = await anAgent(['db.1.1'], () => true)
  const leased = { ...taskOf('db.1.1'), spec: aService({ exclusive: true, leaseMs: 60_000 }) }
  await tell({ authority: { ...AUTHORITY, revision: 11 }, tasks: [leased] })
  disk.full = FULL
  await renew()
  expect(errors).toContain('cannot prolong leases')
  expect(running()).toEqual([])
  disk.full = null
  await renew()
  expect(running()).toEqual(['db.1.1'])
})
