import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { aNode } from '../../test/builders.ts'
import { backupTools } from '../../test/memory-shelf.ts'
import { SILENT } from '../../test/silent-log.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import { LEVEL } from '../core/model/level.ts'
import { keyOf } from '../core/model/objects.ts'
import { VIGILANCES } from '../core/node/vigilance.ts'
import { createRng } from '../lib/rng.ts'
import { MemoryStore } from '../store/memory.ts'
import { Server } from './server.ts'

type Door = 'open' | 'refused' | 'silent'

let clock: VirtualClock
let store: MemoryStore
/** What is met at the ports of servers; those that are not named are open. */
let doors: Record<string, Door>
let others: boolean

beforeEach(() => {
  clock = new VirtualClock({ guarded: false })
  store = new MemoryStore()
  doors = {}
  others = true
  onTestFinished(() => store.close())
})

interface Taste {
  readonly sees?: Door
  readonly preferRegion?: string
  /** Of its certificate. */
  readonly serial?: () => string | null
}

const pass = (ms: number): Promise<void> => clock.runUntil(clock.now() + ms, () => true)

/** `sees`: what it meets at others' doors, if not what all do. */
async function start(name: string, { sees, preferRegion, serial }: Taste = {}): Promise<Server> {
  const server = new Server({
    store,
    clock,
    rng: createRng(name.length),
    log: SILENT,
    reach: { answers: async () => others, knock: async (address) => sees ?? doors[address] ?? 'open' },
    certifier: () => null,
    ...(serial !== undefined && { serial }),
    backups: backupTools(),
    config: {
      name,
      address: `${name}:7947`,
      newCluster: () => ({ id: '0123456789abcdef', name: 'test', incarnation: 1, createdAt: clock.now() }),
      strategy: 'spread',
      vigilance: VIGILANCES.normal,
      preferRegion: preferRegion ?? null,
      version: '0.1.0',
      level: LEVEL,
    },
  })
  onTestFinished(() => server.stop())
  await server.start()
  await pass(1_000)
  return server
}

/** A node beside the servers, or the one of a server. */
async function addNode(id = 9, name = 'w', region: string | null = null): Promise<void> {
  const value = aNode({ id, name, address: name, region })
  await store.commit({ epoch: null, expect: [], writes: [{ put: keyOf('node', id), value }], events: [] })
}

const reign = (server: Server): string => `${server.leader?.holder} ${server.leader?.epoch}`

test('a leader whose process is gone is taken over from although its lease still runs, and then follows', async () => {
  const [one, two] = [await start('one'), await start('two')]
  doors['one:7947'] = 'refused'
  await pass(1_000)
  expect([reign(two), two.leads, one.leads]).toEqual(['two 2', true, false])
})

test('what a node is to its cluster is the same on every server, whoever leads', async () => {
  const [one, two] = [await start('one'), await start('two')]
  for (const [id, name] of ['one', 'two', 'w'].entries()) await addNode(id + 1, name)
  const roles = (): string[] =>
    [one, two].map(({ api }) =>
      api
        .nodes()
        .map(({ role }) => role)
        .join(' '),
    )
  expect(roles()).toEqual(['leader server agent', 'leader server agent'])
  expect(one.api.node(2).role).toBe('server')
  doors['one:7947'] = 'refused'
  await pass(1_000)
  expect(roles()).toEqual(['server leader agent', 'server leader agent'])
})

test('the one that was taken over from does not take the lead back', async () => {
  const [one, two] = [await start('one'), await start('two')]
  doors['one:7947'] = 'refused'
  await pass(1_000)
  doors = {}
  await pass(60_000)
  doors['two:7947'] = 'silent'
  await addNode()
  await pass(60_000)
  expect([reign(one), one.leads, two.leads]).toEqual(['two 2', false, true])
})

test.each<{ why: string; seen: Door; later: Door; answers: boolean }>([
  { why: 'opens', seen: 'open', later: 'open', answers: true },
  { why: 'never opened', seen: 'refused', later: 'refused', answers: true },
  { why: 'is silent like everybody else', seen: 'open', later: 'silent', answers: false },
])('a leader that $why keeps the lead while its lease runs', async ({ seen, later, answers }) => {
  doors['one:7947'] = seen
  const [one, two] = [await start('one'), await start('two')]
  await addNode()
  others = answers
  doors['one:7947'] = later
  await pass(60_000)
  expect([reign(two), one.leads]).toEqual(['one 1', true])
})

test('a server whose certificate was revoked gives the lead up and does not take it, until it has another one', async () => {
  let serial = 's-1'
  const one = await start('one', { serial: () => serial })
  const two = await start('two', { serial: () => 's-2' })
  const because = 'node 1 (one) was replaced by ann'
  const value = { serial, keyHash: 'k', nodeId: 1, role: 'server', because, revokedAt: 0, notAfter: 9e15 } as const
  await store.commit({ epoch: null, expect: [], writes: [{ put: keyOf('revoked', serial), value }], events: [] })
  await pass(10_000)
  expect([reign(two), two.leads, one.leads]).toEqual(['two 2', true, false])
  await two.stop()
  await pass(60_000)
  expect([reign(one), one.leads]).toEqual(['two 2', false])
  serial = 's-3'
  await pass(10_000)
  expect([reign(one), one.leads]).toEqual(['one 3', true])
})

test('a leader whose machine is silent while others answer is taken over from', async () => {
  const [one, two] = [await start('one'), await start('two')]
  await addNode()
  doors['one:7947'] = 'silent'
  await pass(2_000)
  expect([reign(two), two.leads, one.leads]).toEqual(['two 2', true, false])
})

test('of two that notice at once one takes over', async () => {
  await start('one')
  const [two, three] = [await start('two'), await start('three')]
  doors['one:7947'] = 'refused'
  await pass(30_000)
  expect(two.leader?.epoch).toBe(2)
  expect([two.leads, three.leads].filter((leads) => leads)).toHaveLength(1)
})

test('whoever gets the lease gives way to the one that took over meanwhile', async () => {
  const one = await start('one')
  await start('two', { sees: 'open' })
  const three = await start('three')
  doors['one:7947'] = 'refused'
  await pass(1_000)
  expect([reign(three), three.leads]).toEqual(['three 2', true])
  // Two is the next for the lease that one gives back.
  await one.stop()
  await pass(30_000)
  expect([reign(three), three.leads]).toEqual(['three 2', true])
})

test('whoever took over and then falls silent is followed by the one that has the lease', async () => {
  const one = await start('one')
  const two = await start('two', { sees: 'open' })
  const three = await start('three')
  doors['one:7947'] = 'refused'
  await pass(1_000)
  await one.stop()
  await three.stop()
  await pass(5_000)
  expect([reign(two), two.leads]).toEqual(['two 3', true])
})

test('a server of the preferred region leads once it has been there for a while, and again after its loss', async () => {
  const preferred = { preferRegion: 'eu' }
  const [one, two] = [await start('one', preferred), await start('two', preferred)]
  await addNode(1, 'one', 'us')
  await addNode(2, 'two', 'eu')
  await pass(5_000)
  expect(reign(two)).toBe('one 1')
  await pass(10_000)
  expect([reign(two), two.leads, one.leads]).toEqual(['two 2', true, false])
  doors['two:7947'] = 'refused'
  await pass(5_000)
  expect([reign(one), one.leads]).toEqual(['one 3', true])
  doors = {}
  await pass(20_000)
  expect([reign(two), two.leads]).toEqual(['two 4', true])
})
