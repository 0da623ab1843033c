import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { TaskView } from '../../src/core/model/view.ts'
import { TestEngine } from '../engine/engine.ts'
import { engineTests } from '../engine/engine-tests.ts'
import { BUSYBOX_IMAGE, buildImages, NGINX_IMAGE } from '../engine/images.ts'
import { TestCluster } from './cluster.ts'
import { until } from './gantry.ts'

const WEB = (name: string): string => `
services:
  ${name}:
    image: ${NGINX_IMAGE}
    replicas: 2
    ports: [80]
    stop_signal: SIGQUIT
    health_check: { type: http, http_path: /, port: 80, interval: 200ms, timeout: 20s, start_period: 60s }
`

engineTests(() => {
  // Of its own: the files beside this one must not lose theirs.
  let engine: TestEngine
  let cluster: TestCluster
  beforeAll(async () => {
    engine = await TestEngine.start()
    await buildImages(engine.socket, engine.directory)
    cluster = await TestCluster.start(engine)
  })
  afterEach(() => cluster.clear())
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
    await engine.stop()
  })

  const ask = async (task: TaskView | undefined): Promise<number> =>
    (await fetch(`http://127.0.0.1:${task?.ports[0]?.host}/`, { headers: { connection: 'close' } })).status
  /** What must stay as it is when nothing happens to tasks. */
  const lives = (tasks: readonly TaskView[]): readonly object[] =>
    tasks.map(({ id, containerId, startedAt, restarts, ports }) => ({ id, containerId, startedAt, restarts, ports }))

  test('a container whose process is killed serves again, in the same container and on the same port', async () => {
    const before = await cluster.run(WEB('killed'))
    const [victim] = before
    process.kill((await cluster.container(victim)).State.Pid, 'SIGKILL')
    const after = await cluster.untilTasks('killed', ([first]) => first?.restarts === 1 && first.ready)
    expect(after[0]).toMatchObject({ id: victim?.id, containerId: victim?.containerId, ports: victim?.ports })
    expect(lives(after.slice(1))).toEqual(lives(before.slice(1)))
    expect(await ask(after[0])).toBe(200)
    const { summary, events } = await cluster.client.explain(victim?.id ?? '')
    expect(summary).not.toBe('')
    expect(events.map(({ message }) => message).join('\n')).toContain('exit code 137')
  })

  test('a container that is stopped behind our back is started again', async () => {
    const [victim] = await cluster.run(WEB('halted'))
    const path = `/containers/${victim?.containerId}/stop`
    await cluster.raw.call({ method: 'POST', path, query: { t: 5 }, doing: 'stop a container behind its back' })
    await cluster.untilTasks('halted', ([first]) => first?.restarts === 1 && first.ready)
    expect(await ask(victim)).toBe(200)
  })

  test('a container that is removed behind our back is replaced by the next attempt', async () => {
    const [victim] = await cluster.run(WEB('removed'))
    const path = `/containers/${victim?.containerId}`
    await cluster.raw.call({ method: 'DELETE', path, query: { force: 'true' }, doing: 'remove a container' })
    await cluster.untilTasks('removed', (tasks) => tasks.some(({ attempt, ready }) => attempt === 2 && ready))
    expect(await cluster.client.task(victim?.id ?? '')).toMatchObject({
      state: 'failed',
      message: 'its container was removed by somebody else',
    })
    await cluster.untilService('removed', ({ health }) => health === 'healthy')
  })

  test('an engine that restarts takes no task with it, and none is restarted or replaced', async () => {
    const before = await cluster.run(WEB('steady'))
    await engine.kill()
    await expect(cluster.exec(before[0]?.id ?? '', 'true')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await cluster.untilEngine(false)
    expect(lives(await cluster.tasks('steady'))).toEqual(lives(before))
    await expect(cluster.client.scale('steady', 3)).rejects.toThrow('no node runs containers')
    await engine.launch()
    await cluster.ended((await cluster.client.scale('steady', 3)).revision)
    const after = await cluster.tasks('steady')
    expect(after).toHaveLength(3)
    expect(lives(after.slice(0, 2))).toEqual(lives(before))
    expect(await Promise.all(after.map(ask))).toEqual([200, 200, 200])
  })

  test('a Gantry that is killed leaves containers serving, and the next one adopts them', async () => {
    const before = await cluster.run(WEB('adopted'))
    await cluster.gantry.end('SIGKILL')
    expect(await Promise.all(before.map(ask))).toEqual([200, 200])
    await cluster.gantry.up()
    const after = await cluster.untilTasks('adopted', (tasks) => tasks.every(({ ready }) => ready))
    expect(lives(after)).toEqual(lives(before))
  })

  test('a container that ends while no Gantry runs is started again by the next one', async () => {
    const [victim] = await cluster.run(WEB('orphan'))
    const { Pid: pid } = (await cluster.container(victim)).State
    await cluster.gantry.end('SIGKILL')
    process.kill(pid, 'SIGKILL')
    await cluster.gantry.up()
    const after = await cluster.untilTasks('orphan', ([first]) => first?.restarts === 1 && first.ready)
    expect(after[0]?.id).toBe(victim?.id)
  })

  test('an interrupt stops the containers, and the next start brings the very same ones back', async () => {
    const before = await cluster.run(WEB('parked'))
    expect(await cluster.gantry.end('SIGINT')).toBe(0)
    for (const task of before) expect((await cluster.container(task)).State.Status).toBe('exited')
    await cluster.gantry.up()
    const after = await cluster.untilTasks('parked', (tasks) => tasks.every(({ ready }) => ready))
    const names = (tasks: readonly TaskView[]) =>
      tasks.map(({ id, containerId, restarts }) => [id, containerId, restarts])
    expect(names(after)).toEqual(names(before))
  })

  test('a program in a task has its own exit code and streams, here and at the command line', async () => {
    const [task] = await cluster.run(WEB('inside'))
    const id = task?.id ?? ''
    expect(await cluster.exec(id, 'sh', '-c', 'echo out; echo err >&2; exit 7')).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    const script = 'echo out; echo err >&2; exit 7'
    expect(await cluster.gantry.run('exec', id, '--', 'sh', '-c', script)).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    const missing = await cluster.gantry.run('exec', id, '--', '/no/such/program')
    expect(missing.code).toBeGreaterThan(0)
    expect(missing.stdout + missing.stderr).toContain('/no/such/program')
    const stranger = await cluster.gantry.run('exec', 'inside.9.9', '--', 'true')
    expect(stranger.code).toBe(1)
    expect(stranger.stderr).toContain('inside.9.9')
  })

  test('following the logs goes on when a container is started again', async () => {
    const tasks = await cluster.run(`
services:
  phoenix:
    image: ${BUSYBOX_IMAGE}
    replicas: 2
    stop_signal: SIGKILL
    command: [sh, -c, 'echo "up $GANTRY_SLOT"; exec sleep 1000']
`)
    const stop = new AbortController()
    const seen: string[] = []
    const following = (async () => {
      const query = { follow: true, tail: null, since: null }
      for await (const { text } of cluster.client.serviceLogs('phoenix', query, stop.signal)) seen.push(text.trim())
    })()
    await expect.poll(() => seen.toSorted(), { timeout: 60_000 }).toEqual(['up 1', 'up 2'])
    for (const restarts of [1, 2]) {
      process.kill((await cluster.container(tasks[0])).State.Pid, 'SIGKILL')
      await cluster.untilTasks('phoenix', ([first]) => first?.restarts === restarts && first.ready)
    }
    await expect.poll(() => seen, { timeout: 60_000 }).toHaveLength(4)
    expect(seen.toSorted()).toEqual(['up 1', 'up 1', 'up 1', 'up 2'])
    stop.abort()
    await following
  })

  test('the logs at the command line have every replica in one stream', async () => {
    await cluster.run(`
services:
  chorus:
    image: ${BUSYBOX_IMAGE}
    replicas: 3
    stop_signal: SIGKILL
    command: [sh, -c, 'echo "voice $GANTRY_SLOT"; exec sleep 1000']
`)
    const { stdout } = await until(
      () => cluster.gantry.run('logs', 'chorus'),
      ({ stdout }) => stdout.trim().split('\n').length === 3,
    )
    const lines = stdout.trim().split('\n').sort()
    expect(lines).toEqual([1, 2, 3].map((slot) => `chorus.${slot}.1 | voice ${slot}`))
  })
})
