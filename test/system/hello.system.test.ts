import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Plan } from '../../src/core/model/plan.ts'
import type { ClusterView, ServiceView, TaskView } from '../../src/core/model/view.ts'
import { readProc } from '../../src/drivers/process/proc.ts'
import { aGantry, type Gantry, until } from './gantry.ts'

const HELLO = join(process.cwd(), 'examples', 'hello', 'manifest.yaml')
const processOnly = { GANTRY_RUNTIME: 'process' }

const tasks = (gantry: Gantry): Promise<readonly TaskView[]> => gantry.json<readonly TaskView[]>('tasks')
const services = (gantry: Gantry): Promise<readonly ServiceView[]> => gantry.json<readonly ServiceView[]>('services')
const allReady = (list: readonly TaskView[]): boolean => list.length > 0 && list.every(({ ready }) => ready)

async function ask(task: TaskView | undefined): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${task?.ports[0]?.host}/`)
  return response.text()
}

test('the first start brings the hello example up, and each replica answers for itself', async () => {
  await using gantry = await aGantry(processOnly)
  await gantry.up('--first', HELLO)
  expect(gantry.output.text).toContain('hello: 3 of 3 ready, healthy')
  const answers = await Promise.all((await tasks(gantry)).map(ask))
  expect(answers).toEqual(['hello from hello.1.1\n', 'hello from hello.2.1\n', 'hello from hello.3.1\n'])
})

test('an interrupt stops the tasks, and the next start brings the very same ones back', async () => {
  await using gantry = await aGantry(processOnly)
  await gantry.up('--first', HELLO)
  const before = await tasks(gantry)
  expect(await gantry.end('SIGINT')).toBe(0)
  await expect(ask(before[0])).rejects.toThrow()
  await gantry.up('--first', HELLO)
  const after = await until(() => tasks(gantry), allReady)
  expect(after.map(({ id, restarts }) => ({ id, restarts }))).toEqual(before.map(({ id }) => ({ id, restarts: 0 })))
})

test('a killed process leaves its tasks running, and the next start adopts them', async () => {
  await using gantry = await aGantry(processOnly)
  await gantry.up('--first', HELLO)
  const before = await tasks(gantry)
  await gantry.end('SIGKILL')
  expect(await ask(before[0])).toBe('hello from hello.1.1\n')
  await gantry.up()
  const after = await until(() => tasks(gantry), allReady)
  expect(after.map(({ id, startedAt }) => ({ id, startedAt }))).toEqual(
    before.map(({ id, startedAt }) => ({ id, startedAt })),
  )
})

test('with the state in memory the next start is the same cluster, and what runs stays until it is settled', async () => {
  await using gantry = await aGantry(processOnly)
  const inMemory = ['--backend-type', 'memory', '--first', HELLO]
  await gantry.up(...inMemory)
  const { cluster: before } = await gantry.json<ClusterView>('cluster')
  const [ran] = await tasks(gantry)
  await gantry.end('SIGTERM')
  await gantry.up('--backend-type', 'memory')
  const { cluster: after } = await gantry.json<ClusterView>('cluster')
  expect(after).toMatchObject({ id: before.id, incarnation: 2, keepsUnknown: true })
  expect(await ask(ran)).toBe('hello from hello.1.1\n')
  expect(await gantry.run('cluster', 'settle')).toMatchObject({ code: 0 })
  await until(
    () => ask(ran).catch(() => 'gone'),
    (answer) => answer === 'gone',
  )
  await gantry.end('SIGTERM')
  await gantry.up(...inMemory)
  expect((await tasks(gantry)).map(({ id }) => id)).toContain('hello.1.2001')
})

test('a task that is killed serves again within seconds, and its restart is counted', async () => {
  await using gantry = await aGantry(processOnly)
  await gantry.up('--first', HELLO)
  const [victim] = await tasks(gantry)
  const inside = await gantry.run('exec', victim?.id ?? '', '--', 'printenv', 'GANTRY_TASK')
  expect(inside.stdout.trim()).toBe(victim?.id)
  const killed = killTask(victim)
  expect(killed).toBeGreaterThan(0)
  const again = await until(
    () => tasks(gantry),
    (list) => list.some(({ id, restarts, ready }) => id === victim?.id && restarts === 1 && ready),
  )
  expect(await ask(again[0])).toBe('hello from hello.1.1\n')
})

/** Kills the process that listens for a task; returns its pid, 0 when there is none. */
function killTask(task: TaskView | undefined): number {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const environ = readEnviron(pid)
    if (environ.includes(`GANTRY_TASK=${task?.id}`) && environ.includes(`PORT=${task?.ports[0]?.host}`)) {
      process.kill(Number(pid), 'SIGKILL')
      return Number(pid)
    }
  }
  return 0
}

function readEnviron(pid: string): readonly string[] {
  const isNode = readProc(`${pid}/cmdline`)?.startsWith('node\0') ?? false
  return isNode ? (readProc(`${pid}/environ`) ?? '').split('\0') : []
}

test('a changed manifest is planned, applied by its plan, and refused once the world moved', async () => {
  await using gantry = await aGantry(processOnly)
  await gantry.up('--first', HELLO)
  const changed = join(gantry.dataDir, 'changed.yaml')
  writeFileSync(
    changed,
    readFileSync(HELLO, 'utf8').replace('replicas: 3', 'replicas: 2').replace('GREETING: hello', 'GREETING: welcome'),
  )
  const planFile = join(gantry.dataDir, 'plan.json')

  const plan = await gantry.run('plan', '--config', changed, '-o', planFile, '--exit-code')
  expect(plan.code).toBe(10)
  expect(plan.stdout).toContain('GREETING')
  expect((await services(gantry))[0]?.replicas).toBe(3)

  const applied = await gantry.run('apply', '--plan', planFile, '--yes')
  expect(applied).toMatchObject({ code: 0 })
  expect(await ask((await tasks(gantry))[0])).toContain('welcome from hello.1.')

  const stale = await gantry.run('apply', '--plan', planFile, '--yes')
  expect(stale.code).toBe(5)
  expect(stale.stderr).toContain('manifest')

  expect((await gantry.json<Plan>('plan')).actions).toEqual([])
  expect((await gantry.run('rollback', '--yes')).code).toBe(0)
  const back = await until(
    () => tasks(gantry),
    (list) => list.length === 3 && allReady(list),
  )
  expect(await ask(back[0])).toContain('hello from hello.1.')
  expect((await gantry.run('destroy', '--yes')).code).toBe(0)
  expect(await tasks(gantry)).toEqual([])
})
