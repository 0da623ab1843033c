import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NodeView, TaskView } from '../../src/core/model/view.ts'
import { aGantry, type Gantry, until } from './gantry.ts'

const WEB = `services:
  web:
    replicas: 2
    command: [sleep, "1000"]
  logs:
    mode: global
    command: [sleep, "1000"]
`

let gantry: Gantry
beforeAll(async () => {
  gantry = await aGantry({ GANTRY_RUNTIME: 'process' })
  await gantry.up('--name', 'first', '--placement', 'core', '--label', 'disk=hdd')
  const file = join(gantry.dataDir, 'web.yaml')
  writeFileSync(file, WEB)
  await gantry.run('apply', '-c', file, '--yes')
})
afterAll(() => gantry[Symbol.asyncDispose]())

const running = async (): Promise<string[]> => {
  const tasks = await gantry.json<TaskView[]>('tasks')
  return tasks.filter(({ state }) => state === 'running').map(({ id }) => id)
}

test('the drain of the only node is refused with its reasons, and nothing changes', async () => {
  const { code, stderr } = await gantry.run('node', 'drain', '1', '--yes')
  expect(code).toBe(4)
  expect(stderr).toContain('availability: active → drain')
  expect(stderr).toContain('web: 2 of 2 new tasks would wait for a node: draining (1 node); --force goes ahead')
  expect(await gantry.json<NodeView>('nodes', '1')).toMatchObject({ availability: 'active', status: 'ready', tasks: 3 })
})

test('a drain by force says what is left, and its exit code is the truth; activation calls it off', async () => {
  const { code, stderr } = await gantry.run('node', 'drain', '1', '--yes', '--force', '--timeout', '10')
  expect(code).toBe(1)
  expect(stderr).toContain('web.1.1  goes on until web.1.2 can take its place, which has no node')
  expect(stderr).toContain('Not empty within 10 s: 2 tasks are left on node 1.')
  expect(await running()).toEqual(['web.1.1', 'web.2.1'])
  expect((await gantry.run('nodes')).stdout).toContain('draining, 2 left')
  const { stdout } = await gantry.run('explain', 'node/1')
  expect(stdout).toContain('a user drains it; `gantry node activate 1` lets it take tasks again')
  expect((await gantry.run('node', 'activate', '1', '--yes')).code).toBe(0)
  await until(running, (ids) => ids.join() === 'logs.1.2,web.1.1,web.2.1')
})

test('what is set of a node, and its name, outlive a new start with other options', async () => {
  expect((await gantry.run('node', 'label', '1', 'disk=ssd', 'rack=a', '--yes')).code).toBe(0)
  expect((await gantry.run('node', 'set', '1', '--placement', 'edge', '--zone', 'a', '--yes')).code).toBe(0)
  await gantry.end('SIGKILL')
  await gantry.up('--placement', 'core', '--label', 'disk=hdd')
  const node = await until(
    () => gantry.json<NodeView>('nodes', '1'),
    ({ status }) => status === 'ready',
  )
  expect(node).toMatchObject({ name: 'first', placement: 'edge', zone: 'a', labels: { disk: 'ssd', rack: 'a' } })
})

test('what was set of a node is taken back to what its agent says', async () => {
  const { code, stderr } = await gantry.run('node', 'set', '1', '--reset', 'placement', '--reset', 'zone', '--yes')
  expect(code).toBe(0)
  expect(stderr).toContain('placement: edge → core (as its agent says)')
  expect(stderr).toContain('zone: a → none (as its agent says)')
  expect(await gantry.json<NodeView>('nodes', '1')).toMatchObject({ role: 'leader', placement: 'core', zone: null })
  expect(await gantry.run('node', 'set', '1', '--zone', 'b', '--reset', 'zone')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('zone is either set or reset'),
  })
})

test('a plan of a node is kept, refused when the world moved, and carried out by apply', async () => {
  const plan = join(gantry.dataDir, 'pause.plan')
  expect((await gantry.run('node', 'pause', '1', '-o', plan)).stdout).toContain('Plan: node 1 changes')
  expect(existsSync(plan)).toBe(true)
  await gantry.run('service', 'scale', 'web', '1')
  expect((await gantry.run('apply', '--plan', plan, '--yes')).code).toBe(5)
  await gantry.run('node', 'pause', '1', '-o', plan)
  expect((await gantry.run('apply', '--plan', plan, '--yes')).code).toBe(0)
  expect(await gantry.json<NodeView>('nodes', '1')).toMatchObject({ availability: 'pause' })
  await gantry.run('node', 'activate', '1', '--yes')
})

test.each([
  {
    words: ['node', 'rm', '1', '--yes'],
    code: 4,
    said: 'node 1 is the only server; `gantry uninstall` there ends the cluster',
  },
  {
    words: ['node', 'fence', '1', '--yes', '--confirm-dead'],
    code: 4,
    said: 'node 1 is ready, so its machine is not off',
  },
  { words: ['node', 'replace', '1', '--yes'], code: 4, said: 'only one that is unreachable or removed is replaced' },
  { words: ['node', 'drain', '7', '--yes'], code: 1, said: 'there is no node 7' },
  { words: ['node', 'drain', 'nobody', '--yes'], code: 1, said: 'there is no node nobody' },
  { words: ['node', 'set', '1', '--yes'], code: 2, said: 'nothing is to be set' },
  { words: ['node', 'label', '1', 'disk', '--yes'], code: 2, said: 'disk is no label' },
  { words: ['node', 'drain', '1'], code: 4, said: 'it cannot be applied' },
  { words: ['node', 'pause', '1'], code: 2, said: 'nobody can be asked here' },
])('gantry $words ends with $code', async ({ words, code, said }) => {
  const ended = await gantry.run(...words)
  expect(ended.stderr).toContain(said)
  expect(ended.code).toBe(code)
})
