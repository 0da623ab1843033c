import { afterEach, beforeEach, expect, test } from 'vitest'
import { aNode, aService } from '../../test/builders.ts'
import { type NodeBed, openNodeBed } from '../../test/node-bed.ts'
import type { SimpleAgent } from '../../test/simple-agent.ts'
import { keyOf } from '../core/model/objects.ts'

let bed: NodeBed

beforeEach(async () => {
  bed = await openNodeBed()
})
afterEach(() => bed.stop())

const join = (machine: string): Promise<SimpleAgent> => bed.join(machine, { address: `${machine}:1` })
const web = aService({ replicas: 2 })
const statusOf = (node: number): string => bed.api.node(node).status

test('a machine that another one reaches is not lost, although this server does not reach it', async () => {
  const witness = await join('a')
  const other = await join('b')
  bed.network.reachedByServer = false
  other.leave()
  await bed.pass(10_000)
  expect(statusOf(2)).toBe('ready')
  witness.leave()
  await bed.pass(5_000)
  expect(statusOf(2)).toBe('unreachable')
})

test('a node that was lost and is back is given as much time as any other when its agent goes again', async () => {
  await join('a')
  const first = await join('b')
  await bed.run(web)
  bed.network.reachedByServer = false
  bed.network.reachedByOthers = false
  first.leave()
  await bed.pass(10_000)
  expect(bed.where()).toEqual(['web.1.1 running on 1', 'web.2.2 running on 1'])
  bed.network.reachedByServer = true
  bed.network.reachedByOthers = true
  const again = await join('b')
  await bed.pass(1_000)
  await bed.run({ ...web, replicas: 3 })
  expect(bed.where()).toContain('web.3.1 running on 2')
  again.leave()
  await bed.pass(10_000)
  expect(statusOf(2)).toBe('ready')
  expect(bed.where()).toContain('web.3.1 running on 2')
})

test('a machine that is cut off as soon as its agent has said hello is lost', async () => {
  await join('a')
  bed.network.reachedByServer = false
  bed.network.reachedByOthers = false
  bed.network.agentsAnswer = false
  const cutOff = await join('b')
  cutOff.leave()
  await bed.pass(5_000)
  expect(statusOf(2)).toBe('unreachable')
})

test('nothing follows from the silence of a machine that answered nobody while its agent was there', async () => {
  await join('a')
  bed.network.reachedByServer = false
  bed.network.reachedByOthers = false
  const walled = await join('b')
  walled.leave()
  await bed.pass(10_000)
  expect(statusOf(2)).toBe('ready')
  await bed.pass(10_000)
  expect(statusOf(2)).toBe('unreachable')
})

test('a node whose absence is noted while it is already connected again is ready', async () => {
  await join('a')
  await join('b')
  const node = bed.api.node(2)
  const unreachable = aNode({ ...node, status: 'unreachable' })
  const writes = [{ put: keyOf('node', 2), value: unreachable }]
  await bed.store.commit({ epoch: null, expect: [], writes, events: [] })
  expect(statusOf(2)).toBe('unreachable')
  await bed.pass(1_000)
  expect(statusOf(2)).toBe('ready')
})
