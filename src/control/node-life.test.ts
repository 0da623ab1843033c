import { afterEach, beforeEach, expect, test } from 'vitest'
import { aService } from '../../test/builders.ts'
import { ANN, type NodeBed, openNodeBed } from '../../test/node-bed.ts'
import type { NodeChange, NodeSet } from '../core/model/plan.ts'
import { VIGILANCES } from '../core/node/vigilance.ts'

/** After this time a node that is gone is unreachable. */
const AWAY_MS = 20_000

let bed: NodeBed

beforeEach(async () => {
  bed = await openNodeBed()
})
afterEach(() => bed.stop())

const set = (node: number, what: NodeSet, force = false): NodeChange => ({ kind: 'node', node, set: what, force })
const drain = (node: number, force = false): NodeChange => set(node, { availability: 'drain' }, force)
const remove = (node: number, force = false): NodeChange => ({ kind: 'remove-node', node, force })
const web = aService({ replicas: 2, update: { order: 'start-first', parallelism: 1 } })
const alone = aService({ name: 'db', exclusive: true })
const ended = (id: string): string | undefined =>
  bed.api.tasks({ service: null, all: true }).find((task) => task.id === id)?.state

test('a drained node is emptied, says so, and takes tasks again when it is activated', async () => {
  await bed.join('a')
  await bed.join('b')
  await bed.run(web)
  expect(bed.where()).toEqual(['web.1.1 running on 1', 'web.2.1 running on 2'])
  await bed.change(drain(2))
  await bed.pass(2_000)
  expect(bed.where()).toEqual(['web.1.1 running on 1', 'web.2.2 running on 1'])
  expect(bed.api.node(2)).toMatchObject({ status: 'ready', availability: 'drain', tasks: 0 })
  const told = bed.api.events({ after: null, service: null, object: 'node/2', limit: null })
  expect(told.map(({ message, by }) => `${by}: ${message}`).slice(-2)).toEqual([
    'ann: node 2 (b:7946) was set: availability active → drain',
    'control: node 2 (b:7946) is drained: no task is left on it',
  ])
  await bed.change(set(2, { availability: 'active' }))
  await bed.run({ ...web, replicas: 3 })
  expect(bed.where()).toContain('web.3.1 running on 2')
})

test('what users set for failure detection is what the leader goes by from then on, and every server', async () => {
  expect(bed.server.vigilance).toBe(VIGILANCES.normal)
  const changed = bed.api.setConfig('cluster.failure_detection', 'fast', ANN)
  await bed.pass(10)
  await changed
  expect(bed.server.vigilance).toEqual(VIGILANCES.fast)
  expect(bed.api.config().find(({ key }) => key === 'cluster.heartbeat')).toMatchObject({
    value: '250ms',
    isSet: false,
  })
})

test('a node whose clock is a day off works as any other, and people are told until it is right', async () => {
  const now = bed.api.cluster().cluster.createdAt
  await bed.join('a', { clock: now })
  const late = await bed.join('b', { clock: now + 86_400_000 })
  await bed.run(web)
  expect(bed.where()).toEqual(['web.1.1 running on 1', 'web.2.1 running on 2'])
  expect(bed.api.cluster().conditions).toMatchObject([
    { kind: 'clock wrong', severity: 'warning', message: 'the clock of node 2 (b:7946) is 24 h ahead of the leader’s' },
  ])
  late.leave()
  await bed.join('b', { clock: now + 6_000 })
  expect(bed.api.cluster().conditions).toEqual([])
})

test('the drain of the only node is refused with its reasons, and by force leaves what runs alone', async () => {
  await bed.join('a')
  await bed.run(web)
  const refused = bed.api.apply(drain(1), null, ANN)
  await expect(refused).rejects.toMatchObject({
    code: 'PREREQUISITE',
    message: expect.stringContaining('2 of 2 new tasks would wait for a node: draining (1 node); --force goes ahead'),
  })
  await bed.change(drain(1, true))
  await bed.pass(60_000)
  expect(bed.where()).toEqual([
    'web.1.2 pending on null',
    'web.1.1 running on 1',
    'web.2.2 pending on null',
    'web.2.1 running on 1',
  ])
  expect(bed.api.node(1)).toMatchObject({ status: 'draining', tasks: 2 })
  expect(bed.api.explain('node/1').reasons).toContain(
    'web.1.1 goes on until web.1.2 is ready; web.1.2 has no node: draining (1 node)',
  )
})

test('what users set of a node outlives a new hello', async () => {
  const agent = await bed.join('a', { placement: 'core', labels: { disk: 'hdd' } })
  await bed.change(set(1, { placement: 'edge', labels: { disk: 'ssd' }, region: 'eu', publicAddress: '192.0.2.7' }))
  agent.leave()
  await bed.join('a', { placement: 'core', labels: { disk: 'hdd', rack: 'a' }, publicAddress: '10.0.0.1', nodeId: 1 })
  expect(bed.api.node(1)).toMatchObject({
    ...{ placement: 'edge', region: 'eu', publicAddress: '192.0.2.7', labels: { disk: 'ssd', rack: 'a' } },
  })
})

test('what users set of a node is taken back to what its agent says, at once and for good', async () => {
  const agent = await bed.join('a', { placement: 'core', publicAddress: '10.0.0.1', region: 'us', zone: null })
  await bed.change(set(1, { placement: 'edge', publicAddress: '192.0.2.7', region: '', zone: 'b' }))
  expect(bed.api.node(1)).toMatchObject({ placement: 'edge', publicAddress: '192.0.2.7', region: null, zone: 'b' })
  await bed.change(set(1, { placement: null, publicAddress: null, region: null, zone: null }))
  const said = { placement: 'core', publicAddress: '10.0.0.1', region: 'us', zone: null }
  expect(bed.api.node(1)).toMatchObject(said)
  agent.leave()
  await bed.join('a', { ...said, zone: 'c', nodeId: 1 })
  expect(bed.api.node(1)).toMatchObject({ ...said, zone: 'c' })
})

test('an agent hears of tasks as the placement and the address of its node ask for', async () => {
  const { ports, limits, resources, seeds } = { ...web, ...web.container }
  const port = { container: 80, host: null, protocol: 'tcp' as const }
  const variants = { edge: { ports: [port], limits, resources, seeds } }
  const agent = await bed.join('a', { placement: 'core' })
  await bed.change(set(1, { placement: 'edge', publicAddress: '192.0.2.7' }))
  await bed.run({ ...web, replicas: 1, variants })
  expect(ports).toEqual([])
  const last = agent.heard.at(-1)
  const [task] = last?.kind === 'assignment' ? last.tasks : []
  expect(task?.spec).toMatchObject({ variants: {}, container: { ports: [port], env: { PUBLIC_HOST_IP: '192.0.2.7' } } })
  // The placement decides about its ports, so the task is made anew.
  await bed.change(set(1, { placement: 'core' }))
  await bed.pass(5_000)
  expect(bed.where()).toEqual(['web.1.2 running on 1'])
})

test('the node of the only server is not removed; one that was replaced is no server any more', async () => {
  const agent = await bed.join('a', { name: 'test' })
  await bed.pass(2_000)
  agent.leave()
  await bed.pass(AWAY_MS)
  const blockers = async (): Promise<string[]> => (await bed.api.plan(remove(1))).blockers.map(({ message }) => message)
  expect(await blockers()).toEqual(['node 1 is the only server; `gantry uninstall` there ends the cluster'])
  await bed.change({ kind: 'replace-node', node: 1, with: null })
  expect(await blockers()).toEqual([])
})

test('a removed node is refused when it comes back and stops what it still ran; its id is free', async () => {
  const agent = await bed.join('a')
  await bed.join('b')
  agent.leave()
  await bed.pass(AWAY_MS)
  await bed.change(remove(1))
  expect(bed.api.nodes().map(({ id }) => id)).toEqual([2])
  const back = await bed.join('a', { nodeId: 1 })
  expect(back.heard).toMatchObject([
    { kind: 'assignment', nodeId: 1, tasks: [] },
    { kind: 'refused', message: expect.stringContaining('node 1 (a:7946) was removed from this cluster by ann') },
  ])
  const again = await bed.join('a', { nodeId: 1 })
  expect(again.heard.map(({ kind }) => kind)).toEqual(['refused'])
  await bed.join('c')
  expect(bed.api.node(1)).toMatchObject({ hostname: 'c' })
})

test('a drained node that is removed while its agent is there is sent away', async () => {
  await bed.join('a')
  await bed.join('b')
  await bed.change(drain(1))
  await bed.change(remove(1))
  expect(bed.api.nodes().map(({ id }) => id)).toEqual([2])
  expect((await bed.join('a', { nodeId: 1 })).heard.at(-1)).toMatchObject({ kind: 'refused' })
})

test('a node that is removed by force loses its tasks, and they are replaced', async () => {
  await bed.join('a')
  const agent = await bed.join('b')
  await bed.run(web)
  agent.leave()
  await bed.pass(AWAY_MS)
  await expect(bed.api.apply(remove(2), null, ANN)).rejects.toMatchObject({ code: 'PREREQUISITE' })
  await bed.change(remove(2, true))
  expect(ended('web.2.1')).toBe('lost')
  expect(bed.where()).toEqual(['web.1.1 running on 1', 'web.2.2 running on 1'])
})

test('a fence releases exclusive tasks, by the word of a person, and only of a node that is away', async () => {
  const agent = await bed.join('a')
  await bed.run(alone)
  await bed.join('b')
  const fence = (confirmDead: boolean): NodeChange => ({ kind: 'fence-node', node: 1, confirmDead })
  await expect(bed.api.apply(fence(true), null, ANN)).rejects.toMatchObject({ code: 'PREREQUISITE' })
  agent.leave()
  await bed.pass(AWAY_MS)
  await expect(bed.api.apply(fence(false), null, ANN)).rejects.toMatchObject({ code: 'PREREQUISITE' })
  await expect(bed.api.apply(remove(1, true), null, ANN)).rejects.toMatchObject({
    message: expect.stringContaining('gantry node fence 1 --confirm-dead'),
  })
  expect(bed.where()).toEqual(['db.1.1 running on 1'])
  await bed.change(fence(true))
  expect(bed.where()).toEqual(['db.1.2 running on 2'])
  const [event] = bed.api.events({ after: null, service: null, object: 'node/1', limit: 1 })
  expect(event).toMatchObject({
    kind: 'node.fenced',
    by: 'ann',
    message: 'the machine of node 1 (a:7946) is said to be off',
  })
})

test('the next machine that joins takes the place of a replaced one, with all that was set', async () => {
  await bed.join('a')
  const old = await bed.join('b', { placement: 'edge', publicAddress: '192.0.2.7', labels: { rack: 'a' } })
  await bed.run(aService({ name: 'logs', mode: 'global' }))
  old.leave()
  await bed.pass(AWAY_MS)
  await bed.change({ kind: 'replace-node', node: 2, with: null })
  expect(bed.api.node(2)).toMatchObject({ machineId: null, status: 'unreachable', tasks: 0 })
  await bed.join('fresh', { placement: 'core', labels: { disk: 'ssd' } })
  await bed.pass(2_000)
  expect(bed.api.node(2)).toMatchObject({
    ...{ machineId: 'fresh', hostname: 'fresh', placement: 'edge', publicAddress: '192.0.2.7', status: 'ready' },
    labels: { rack: 'a', disk: 'ssd' },
  })
  expect(bed.where()).toEqual(['logs.1.1 running on 1', 'logs.2.2 running on 2'])
  const back = await bed.join('b', { nodeId: 2 })
  expect(back.heard.at(-1)).toMatchObject({
    message: expect.stringContaining('was replaced by another machine by ann'),
  })
  expect(bed.where()).toEqual(['logs.1.1 running on 1', 'logs.2.2 running on 2'])
})

test.each<readonly [string, NodeChange]>([
  ['in the place of another', { kind: 'replace-node', node: 2, with: null }],
  ['with the id of a removed one', remove(2, true)],
])('a new machine %s is not asked what became of tasks that it never had', async (_, change) => {
  await bed.join('a')
  const old = await bed.join('b')
  await bed.run(web)
  old.leave()
  await bed.pass(AWAY_MS)
  await bed.change({ kind: 'fence-node', node: 2, confirmDead: true })
  await bed.change(change)
  await bed.join('fresh')
  await bed.pass(2_000)
  expect(bed.api.node(2).hostname).toBe('fresh')
  const told = bed.api.events({ after: null, service: 'web', object: 'task/web.2.1', limit: null })
  expect(told.at(-1)).toMatchObject({ message: expect.stringContaining('web.2.1 is lost') })
})

test('a node that has just joined takes the place of another, and its own id is free', async () => {
  await bed.join('a')
  const old = await bed.join('b')
  old.leave()
  await bed.pass(AWAY_MS)
  const fresh = await bed.join('c')
  expect(bed.api.node(3)).toMatchObject({ hostname: 'c' })
  await bed.change({ kind: 'replace-node', node: 2, with: 3 })
  expect(fresh.heard.length).toBeGreaterThan(0)
  const back = await bed.join('c', { nodeId: 3 })
  expect(back.heard.at(-1)).toMatchObject({ kind: 'assignment', nodeId: 2 })
  expect(bed.api.nodes().map(({ id, hostname }) => `${id} ${hostname}`)).toEqual(['1 a', '2 c'])
  expect(bed.api.node(2).status).toBe('ready')
})

test('a removed node can be replaced as long as nobody else has its id', async () => {
  await bed.join('a', { labels: { rack: 'a' } })
  await bed.join('b')
  await bed.change(drain(1))
  await bed.change(remove(1))
  await bed.change({ kind: 'replace-node', node: 1, with: null })
  await bed.join('c')
  expect(bed.api.node(1)).toMatchObject({ hostname: 'c', labels: { rack: 'a' }, availability: 'active' })
})

test('a change of a node is carried out once for one idempotency key', async () => {
  await bed.join('a')
  const key = { by: 'ann', idempotencyKey: 'k' }
  await bed.change(set(1, { labels: { disk: 'ssd' } }), key)
  await bed.change(set(1, { labels: { disk: null } }))
  await bed.change(set(1, { labels: { disk: 'ssd' } }), key)
  expect(bed.api.node(1).labels).toEqual({})
  await expect(bed.api.apply(drain(1), null, key)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
})

test('a node with more tasks than one commit takes is removed in parts', async () => {
  await bed.join('a')
  const agent = await bed.join('b')
  await bed.run(aService({ name: 'many', replicas: 240, update: { order: 'start-first', parallelism: 1 } }))
  expect(bed.api.node(2).tasks).toBe(120)
  agent.leave()
  await bed.pass(AWAY_MS)
  await bed.change(remove(2, true))
  await bed.pass(5_000)
  expect(bed.where().filter((line) => line.endsWith('running on 1'))).toHaveLength(240)
})
