import { afterEach, beforeEach, expect, test } from 'vitest'
import { type NodeBed, openNodeBed } from '../../test/node-bed.ts'

let bed: NodeBed
beforeEach(async () => {
  bed = await openNodeBed()
})
afterEach(() => bed.stop())

const shown = (kind: string): string[] =>
  bed.api
    .cluster()
    .conditions.filter((condition) => condition.kind === kind)
    .map(({ message }) => message)

test('an agent that comes and is sent away is shown with why, until it is welcome or comes no more', async () => {
  await bed.join('a')
  const tooNew = { nodeId: 1, level: 9 }
  await bed.join('a', tooNew)
  const why =
    'the agent of node 1 (a:7946) comes and is sent away: the agent knows messages of level 9, this server of level 1'
  expect(shown('agent refused')).toEqual([expect.stringContaining(why)])
  await bed.join('a', { nodeId: 1 })
  expect(shown('agent refused')).toEqual([])
  await bed.join('a', tooNew)
  await bed.pass(59_000)
  expect(shown('agent refused')).toHaveLength(1)
  await bed.pass(2_000)
  expect(shown('agent refused')).toEqual([])
})

test('a node that says that it can take nothing in is shown with why, until it says so no more', async () => {
  await bed.join('a', { trouble: 'its disk is full' })
  expect(shown('node in trouble')).toEqual([expect.stringContaining('its disk is full')])
  await bed.join('a')
  expect(shown('node in trouble')).toEqual([])
})
