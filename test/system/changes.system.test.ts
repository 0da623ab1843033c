import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { TaskView } from '../../src/core/model/view.ts'
import { engineTests } from '../engine/engine-tests.ts'
import { BUSYBOX_IMAGE, NGINX_IMAGE } from '../engine/images.ts'
import { freePort } from '../free-port.ts'
import { TestCluster } from './cluster.ts'
import { until } from './gantry.ts'

const MISSING = '127.0.0.1:9/no/such-image:1'

interface Web {
  readonly replicas?: number
  readonly image?: string
  readonly port?: number
  readonly greeting?: string
}

const WEB = ({ replicas = 2, image = NGINX_IMAGE, port = 0, greeting = 'hello' }: Web): string => `
services:
  web:
    image: ${image}
    replicas: ${replicas}
    env: { GREETING: ${greeting} }
    ports: ["${port}:80"]
    stop_signal: SIGQUIT
    health_check: { type: http, http_path: /, port: 80, interval: 200ms, timeout: 20s, start_period: 60s }
`

engineTests((engine) => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await TestCluster.start(engine)
  })
  afterEach(() => cluster.clear())
  afterAll(() => cluster[Symbol.asyncDispose]())

  const serving = async (): Promise<readonly TaskView[]> =>
    (await cluster.tasks('web')).filter(({ ready, desired }) => ready && desired === 'running')
  const ask = async (task: TaskView | undefined): Promise<number> =>
    (await fetch(`http://127.0.0.1:${task?.ports[0]?.host}/`, { headers: { connection: 'close' } })).status
  const ids = (tasks: readonly TaskView[]): readonly string[] => tasks.map(({ id }) => id)

  /** Asks one task after the other until it is told to stop; returns what went wrong. */
  function askSteadily(): { stop(): Promise<{ asked: number; failures: readonly string[]; fewest: number }> } {
    let goesOn = true
    const told = { asked: 0, fewest: Number.POSITIVE_INFINITY, failures: [] as string[] }
    const loop = (async () => {
      while (goesOn) {
        const tasks = await serving()
        told.fewest = Math.min(told.fewest, tasks.length)
        const task = tasks[told.asked % Math.max(1, tasks.length)]
        told.asked += 1
        const status = await ask(task).catch(() => 0)
        if (status === 200) continue
        // Between the list and the question it may have been taken out; if it still stands there, it lied.
        const stands = ids(await serving()).includes(task?.id ?? '')
        if (stands || task === undefined) told.failures.push(`${task?.id}: ${status}`)
      }
    })()
    const stop = async () => {
      goesOn = false
      await loop
      return told
    }
    onTestFinished(() => stop().then(() => undefined))
    return { stop }
  }

  test('a start-first rollout serves every request, and never with fewer tasks than asked for', async () => {
    const before = await cluster.run(WEB({ greeting: 'hello' }))
    const load = askSteadily()
    const after = await cluster.run(WEB({ greeting: 'welcome' }))
    await until(
      async () => (await cluster.allTasks('web')).filter(({ state }) => state === 'stopped').length,
      (count) => count === 2,
    )
    const { asked, failures, fewest } = await load.stop()
    expect(failures).toEqual([])
    expect(asked).toBeGreaterThan(20)
    expect(fewest).toBe(2)
    expect(ids(after).filter((id) => ids(before).includes(id))).toEqual([])
    expect(await cluster.shell(after[0]?.id ?? '', 'echo $GREETING')).toBe('welcome')
  })

  test('a rollout on a fixed port stops the old task only when the new one is prepared', async () => {
    const port = await freePort()
    const [before] = await cluster.run(WEB({ replicas: 1, port }))
    const [after] = await cluster.run(WEB({ replicas: 1, port, greeting: 'welcome' }))
    expect(after?.ports).toEqual(before?.ports)
    expect(await ask(after)).toBe(200)
    const old = await cluster.client.task(before?.id ?? '')
    expect(old).toMatchObject({ state: 'stopped', exitCode: 0 })
    const prepared = Date.parse((await cluster.container(after)).Created)
    expect(prepared).toBeLessThanOrEqual(old.finishedAt ?? 0)
    expect(old.finishedAt ?? 0).toBeLessThanOrEqual(after?.startedAt ?? 0)
  })

  test.each([
    0, 1,
  ])('a missing image leaves the old tasks serving and tells the true reason (fixed port: %i)', async (fixed) => {
    const port = fixed === 1 ? await freePort() : 0
    const before = await cluster.run(WEB({ replicas: 1, port }))
    const { revision } = await cluster.apply(WEB({ replicas: 1, port, image: MISSING }))
    expect(revision.state).toBe('failed')
    expect(revision.message).toMatch(/rejected: cannot pull image 127\.0\.0\.1:9\/no\/such-image:1: .*refused/)
    expect(ids(await serving())).toEqual(ids(before))
    expect(await ask(before[0])).toBe(200)
    expect(await cluster.service('web')).toMatchObject({ health: 'degraded', ready: 1 })
    const back = await cluster.client.apply({ kind: 'rollback', to: null }, null)
    expect(await cluster.ended(back.revision)).toMatchObject({ revision: { state: 'applied' } })
    expect(ids(await serving())).toEqual(ids(before))
    expect((await cluster.client.task(before[0]?.id ?? '')).startedAt).toBe(before[0]?.startedAt)
  })

  test('scaling adds and takes away tasks and leaves the others alone', async () => {
    const before = await cluster.run(WEB({ replicas: 2 }))
    await cluster.ended((await cluster.client.scale('web', 4)).revision)
    expect(ids(await serving()).slice(0, 2)).toEqual(ids(before))
    expect(await Promise.all((await serving()).map(ask))).toEqual([200, 200, 200, 200])
    await cluster.ended((await cluster.client.scale('web', 1)).revision)
    expect(ids(await serving())).toEqual([before[0]?.id])
    await cluster.ended((await cluster.client.scale('web', 0)).revision)
    expect(await cluster.tasks('web')).toEqual([])
    expect(await cluster.service('web')).toMatchObject({ health: 'paused' })
  })

  test('a restart by hand replaces every task, and the logs have the dead ones too', async () => {
    await cluster.run(`
services:
  teller:
    image: ${BUSYBOX_IMAGE}
    replicas: 2
    command: [sh, -c, 'trap "exit 0" TERM; echo "I am $GANTRY_TASK"; while :; do sleep 1000 & wait $!; done']
`)
    const before = ids(await cluster.tasks('teller'))
    await cluster.ended((await cluster.client.restart('teller')).revision)
    const after = ids(await cluster.tasks('teller'))
    expect(after).toHaveLength(2)
    const lines = await until(
      () => cluster.logs('teller'),
      (all) => all.length >= 4,
    )
    expect(new Set(lines.map(({ text }) => text))).toEqual(new Set([...before, ...after].map((id) => `I am ${id}`)))
    for (const { task, text } of lines) expect(text).toBe(`I am ${task}`)
  })

  test('a rollback goes back to the manifest before, and a service that is taken out is removed', async () => {
    const two = `${WEB({ replicas: 1 })}  side: { image: "${BUSYBOX_IMAGE}", command: [sleep, "1000"], stop_signal: SIGKILL }\n`
    await cluster.run(two)
    await cluster.run(WEB({ replicas: 1, greeting: 'welcome' }))
    expect((await cluster.client.services()).map(({ name }) => name)).toEqual(['web'])
    await until(
      () => cluster.containers(),
      (names) => !names.some((name) => name.includes('side')),
    )
    await cluster.ended((await cluster.client.apply({ kind: 'rollback', to: null }, null)).revision)
    expect((await cluster.client.services()).map(({ name }) => name)).toEqual(['side', 'web'])
    expect(await cluster.shell((await serving())[0]?.id ?? '', 'echo $GREETING')).toBe('hello')
  })

  test('a destroy removes every container of the cluster, and no other', async () => {
    const decoys = [
      await startDecoy({}),
      await startDecoy({ 'gantry.task': 'web.1.1', 'gantry.service': 'web' }),
      await startDecoy({ 'gantry.cluster': 'another', 'gantry.task': 'web.1.1', 'gantry.service': 'web' }),
    ]
    await cluster.run(WEB({ replicas: 2 }))
    expect(await cluster.containers()).toHaveLength(2)
    const { code } = await cluster.gantry.run('destroy', '--yes')
    expect(code).toBe(0)
    expect(await cluster.tasks()).toEqual([])
    await until(
      () => cluster.containers(),
      (names) => names.length === 0,
    )
    for (const decoy of decoys) expect((await inspect(decoy)).State.Running).toBe(true)
  })

  async function inspect(id: string): Promise<{ State: { Running: boolean } }> {
    const { body } = await cluster.raw.call({ method: 'GET', path: `/containers/${id}/json`, doing: 'look at a decoy' })
    return body as { State: { Running: boolean } }
  }

  async function startDecoy(labels: Readonly<Record<string, string>>): Promise<string> {
    const body = { Image: BUSYBOX_IMAGE, Cmd: ['sleep', '1000'], Labels: labels }
    const created = await cluster.raw.call({ method: 'POST', path: '/containers/create', body, doing: 'make a decoy' })
    const { Id: id } = created.body as { Id: string }
    await cluster.raw.call({ method: 'POST', path: `/containers/${id}/start`, doing: 'start a decoy' })
    onTestFinished(async () => {
      await cluster.raw.call({ method: 'DELETE', path: `/containers/${id}`, query: { force: 'true' }, doing: 'clear' })
    })
    return id
  }
})
