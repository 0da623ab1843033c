import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { TaskView } from '../../src/core/model/view.ts'
import { engineTests } from '../engine/engine-tests.ts'
import { BUSYBOX_IMAGE } from '../engine/images.ts'
import { TestCluster } from './cluster.ts'
import { until } from './gantry.ts'

/** Ends with the code in the file /code when there is one, else with that of its manifest; serves while /hold is there. */
const ENDING = (name: string, code: number, policy: string): string => `
services:
  ${name}:
    image: ${BUSYBOX_IMAGE}
    command: [sh, -c, 'echo run; exit ${code}']
    restart_policy: ${policy}
`

const SERVE = 'while :; do sleep 1000 & wait $!; done'
const TERM = 'trap "exit 0" TERM'

/** Three checks that the file /tmp/www/well, or what follows from it, decides. */
const CHECKED = (name: string, check: string, repair: string): string => `
services:
  ${name}:
    image: ${BUSYBOX_IMAGE}
    ports: [80]
    command:
      - sh
      - -c
      - '${TERM}; mkdir -p /tmp/www; echo yes >/tmp/www/well; httpd -p 80 -h /tmp/www; echo up; ${SERVE}'
    health_check: { ${check}, interval: 100ms, timeout: 20s, retries: 2, start_period: 60s }
    ${repair}
`

const CHECKS = [
  { kind: 'http', check: 'type: http, http_path: /well, port: 80', harm: 'rm /tmp/www/well' },
  { kind: 'tcp', check: 'type: tcp, port: 80', harm: 'killall httpd' },
  { kind: 'command', check: 'type: command, command: [test, -e, /tmp/www/well]', harm: 'rm /tmp/www/well' },
]

engineTests((engine) => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await TestCluster.start(engine)
  })
  afterEach(() => cluster.clear())
  afterAll(() => cluster[Symbol.asyncDispose]())

  const newest = (tasks: readonly TaskView[]): TaskView | undefined =>
    tasks.reduce<TaskView | undefined>((best, task) => (task.attempt > (best?.attempt ?? 0) ? task : best), undefined)

  test('without a restart policy a failure stays one until it is applied again, with its exit code', async () => {
    const { revision } = await cluster.apply(ENDING('failing', 3, '"no"'))
    expect(revision).toMatchObject({ state: 'failed', message: 'failing.1.1 failed: exit code 3' })
    const [task] = await cluster.allTasks('failing')
    expect(task).toMatchObject({ state: 'failed', exitCode: 3, restarts: 0 })
    expect(await cluster.service('failing')).toMatchObject({ health: 'unhealthy' })
    expect(await cluster.apply(ENDING('failing', 3, '"no"'))).toMatchObject({
      revision: { state: 'failed', message: 'failing.1.2 failed: exit code 3' },
    })
    expect(await cluster.allTasks('failing')).toHaveLength(2)
  })

  test.each(['"no"', 'on-failure'])('a success is the end of it with restart_policy: %s', async (policy) => {
    const name = policy === 'on-failure' ? 'done-on-failure' : 'done-no'
    await cluster.apply(ENDING(name, 0, policy))
    const [task] = await cluster.untilTasks(name, ([first]) => first?.state === 'completed')
    expect(task).toMatchObject({ exitCode: 0, restarts: 0 })
    expect((await cluster.logs(name)).map(({ text }) => text)).toEqual(['run'])
  })

  test.each([
    { policy: 'on-failure', code: 3 },
    { policy: 'always', code: 0 },
    { policy: 'unless-stopped', code: 0 },
    { policy: 'unless-stopped', code: 4 },
  ])('a program that ends with $code is started again in place with restart_policy: $policy', async (row) => {
    const name = `again-${row.policy}-${row.code}`
    await cluster.client.apply({ kind: 'apply', text: ENDING(name, row.code, row.policy), file: null }, null)
    const [task] = await cluster.untilTasks(name, ([first]) => (first?.restarts ?? 0) >= 2 && first?.ready === false)
    expect(task).toMatchObject({ attempt: 1, exitCode: row.code, state: 'running' })
    const runs = await until(
      () => cluster.logs(name),
      (lines) => lines.length >= 3,
    )
    expect(new Set(runs.map((line) => line.task))).toEqual(new Set([task?.id]))
  })

  test.each([
    { policy: 'always', comesBack: true },
    { policy: 'on-failure', comesBack: true },
    { policy: 'unless-stopped', comesBack: false },
    { policy: '"no"', comesBack: false },
  ])('a task that a user stopped comes back with restart_policy: $policy: $comesBack', async ({
    policy,
    comesBack,
  }) => {
    const name = `stopped-${policy.replaceAll('"', '')}`
    const [task] = await cluster.run(`
services:
  ${name}:
    image: ${BUSYBOX_IMAGE}
    command: [sh, -c, '${TERM}; ${SERVE}']
    restart_policy: ${policy}
`)
    await cluster.client.stopTask(task?.id ?? '')
    if (comesBack) {
      const isBack = (next: TaskView | undefined): boolean => next?.attempt === 2 && next.ready
      await cluster.untilTasks(name, (tasks) => isBack(newest(tasks)))
      await cluster.untilService(name, ({ health }) => health === 'healthy')
    } else {
      await cluster.untilTasks(name, ([first]) => first?.state === 'stopped')
      expect(await cluster.untilService(name, ({ health }) => health === 'unhealthy')).toMatchObject({
        message: `${task?.id} stopped; it stays so until the next apply`,
      })
      await cluster.ended((await cluster.client.apply({ kind: 'reapply' }, null)).revision)
      await cluster.untilService(name, ({ health }) => health === 'healthy')
    }
  })

  test.each(CHECKS)('a failed $kind check is repaired without a restart', async ({ kind, check, harm }) => {
    const name = `repaired-${kind}`
    const repair = `repair: 'echo yes >/tmp/www/well; echo done >>/tmp/repaired; pidof httpd || httpd -p 80 -h /tmp/www'`
    const [task] = await cluster.run(CHECKED(name, check, repair))
    const id = task?.id ?? ''
    await cluster.shell(id, harm)
    await until(
      () => cluster.shell(id, 'cat /tmp/repaired || true'),
      (text) => text !== '',
    )
    expect(await cluster.untilService(name, ({ health }) => health === 'healthy')).toMatchObject({ ready: 1 })
    expect(await cluster.client.task(id)).toMatchObject({ restarts: 0, startedAt: task?.startedAt })
  })

  test.each(CHECKS)('a failed $kind check without a repair restarts the task', async ({ kind, check, harm }) => {
    const name = `restarted-${kind}`
    const [task] = await cluster.run(CHECKED(name, check, ''))
    const id = task?.id ?? ''
    await cluster.shell(id, harm)
    await cluster.untilTasks(name, ([first]) => first?.restarts === 1 && first.ready)
    const messages = (await cluster.events(name)).map(({ message }) => message)
    expect(messages.join('\n')).toContain('unhealthy: ')
    await until(
      async () => (await cluster.logs(name)).filter(({ text }) => text === 'up').length,
      (starts) => starts === 2,
    )
  })

  test('a repair that works but does not help is followed by a restart', async () => {
    const [task] = await cluster.run(
      CHECKED('mended', CHECKS[0]?.check ?? '', 'repair: [sh, -c, echo x >>/tmp/repairs]'),
    )
    await cluster.shell(task?.id ?? '', CHECKS[0]?.harm ?? '')
    await cluster.untilTasks('mended', ([first]) => first?.restarts === 1 && first.ready)
    expect(await cluster.shell(task?.id ?? '', 'cat /tmp/repairs')).toBe('x')
  })

  test('the inspect command of a service runs on demand in each of its tasks', async () => {
    await cluster.run(`
services:
  seen:
    image: ${BUSYBOX_IMAGE}
    replicas: 2
    command: [sh, -c, '${TERM}; ${SERVE}']
    inspect: 'echo "slot $GANTRY_SLOT"; test "$GANTRY_SLOT" = 1'
`)
    const { code, stdout } = await cluster.gantry.run('inspect', 'seen', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toEqual([
      { task: 'seen.1.1', exitCode: 0, output: 'slot 1\n' },
      { task: 'seen.2.1', exitCode: 1, output: 'slot 2\n' },
    ])
  })

  test('a repair that fails is followed by a restart', async () => {
    const [task] = await cluster.run(CHECKED('beyond-repair', CHECKS[0]?.check ?? '', 'repair: [sh, -c, exit 1]'))
    await cluster.shell(task?.id ?? '', CHECKS[0]?.harm ?? '')
    await cluster.untilTasks('beyond-repair', ([first]) => first?.restarts === 1 && first.ready)
  })

  test('services start in the order of their dependencies, and each waits until the one before is healthy', async () => {
    const waiting = (name: string, on: string): string => `
  ${name}:
    image: ${BUSYBOX_IMAGE}
    command: [sh, -c, '${TERM}; ${SERVE}']
    dependencies: [${on}]
    health_check: { type: command, command: [test, -e, /tmp/well], interval: 100ms, timeout: 20s, start_period: 120s }`
    const text = `services:${waiting('web', 'api')}${waiting('api', 'db')}${waiting('db', '')}\n`
    const { revision } = await cluster.client.apply({ kind: 'apply', text, file: null }, null)
    const started: number[] = []
    for (const [i, name] of ['db', 'api', 'web'].entries()) {
      const [task] = await cluster.untilTasks(name, ([first]) => first?.state === 'running')
      started.push(task?.startedAt ?? 0)
      const later = (await cluster.tasks()).filter(({ service }) => ['db', 'api', 'web'].indexOf(service) > i)
      for (const { state } of later) expect(['pending', 'assigned', 'preparing']).toContain(state)
      await cluster.shell(task?.id ?? '', 'touch /tmp/well')
    }
    expect(await cluster.ended(revision)).toMatchObject({ revision: { state: 'applied' } })
    expect(started).toEqual([...started].sort((a, b) => a - b))
  })
})
