import { expect, onTestFinished, test } from 'vitest'
import { parseEngineAddress } from '../../src/drivers/docker/address.ts'
import { EngineConnection } from '../../src/drivers/docker/connection.ts'
import { containerName } from '../../src/drivers/docker/labels.ts'
import { DockerWorld } from './docker-world.ts'
import { engineTests } from './engine-tests.ts'
import { BUSYBOX_IMAGE } from './images.ts'

const SERVE = { kind: 'serve' } as const
const doing = 'prepare the test'

engineTests((engine) => {
  test('containers and their runtime outlive a killed engine', async () => {
    const world = await DockerWorld.forTest(engine.host)
    const id = await world.run(SERVE)
    const before = await world.runtime.inspect(id)
    let hints = 0
    onTestFinished(
      world.runtime.watch(() => {
        hints += 1
      }),
    )
    await world.until(() => hints > 0)
    hints = 0
    await engine.kill()
    try {
      await world.until(() => hints > 0)
      await expect(world.runtime.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      await expect(world.runtime.remove(id)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      expect(await world.runtime.describe()).toMatchObject({
        available: false,
        message: expect.stringMatching(/refused/),
      })
      hints = 0
    } finally {
      await engine.launch()
    }
    await world.until(() => hints > 0)
    expect(await world.runtime.list()).toEqual([before])
    hints = 0
    await world.runtime.stop(id, { signal: null, graceMs: 10_000 })
    await world.until(() => hints > 0)
    expect(await world.runtime.inspect(id)).toMatchObject({ state: 'exited', exitCode: 0 })
  })

  test('a container that ends while the engine is away is told afterwards', async () => {
    const world = await DockerWorld.forTest(engine.host)
    const id = await world.run(SERVE)
    const pid = (await world.runtime.inspect(id))?.pid ?? 0
    await engine.kill()
    try {
      process.kill(pid, 'SIGTERM')
    } finally {
      await engine.launch()
    }
    await world.until(async () => (await world.runtime.inspect(id))?.state === 'exited')
    expect(await world.runtime.list()).toHaveLength(1)
  })

  test('containers without our label survive everything that is done to ours', async () => {
    const world = await DockerWorld.forTest(engine.host)
    const raw = new EngineConnection(parseEngineAddress(engine.host))
    const labels = [
      {},
      { 'gantry.cluster': 'another' },
      { 'gantry.task': 'service-1.1.1' },
      { GANTRY: world.clusterId },
    ]
    const decoys = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const body = { Image: BUSYBOX_IMAGE, Cmd: ['sleep', '1000'], Labels: labels[i % labels.length] }
        const query = { name: `service-1.1.${i}.${world.clusterId.slice(0, 8)}.decoy` }
        const { body: made } = await raw.call({ method: 'POST', path: '/containers/create', query, body, doing })
        const { Id: id } = made as { Id: string }
        if (i < 5) await raw.call({ method: 'POST', path: `/containers/${id}/start`, doing })
        return id
      }),
    )
    onTestFinished(async () => {
      for (const id of decoys) {
        await raw.call({ method: 'DELETE', path: `/containers/${id}`, query: { force: 1 }, doing })
      }
      raw.close()
    })
    const look = (): Promise<unknown[]> =>
      Promise.all(
        decoys.map(async (id) => {
          const { body } = await raw.call({ method: 'GET', path: `/containers/${id}/json`, doing })
          const { State: state, Name: name } = body as { State: unknown; Name: string }
          return { state, name }
        }),
      )
    const before = await look()

    const ids = [await world.run(SERVE), await world.run(SERVE), await world.create(SERVE)]
    expect((await world.runtime.list()).map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    for (const id of [...ids, ...decoys]) {
      await world.runtime.stop(id, { signal: 'SIGKILL', graceMs: 0 })
      await world.runtime.remove(id)
      await expect(world.runtime.start(id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
    expect(await look()).toEqual(before)
  })

  test('a foreign container with the name of ours is an error that says so, and stays', async () => {
    const world = await DockerWorld.forTest(engine.host)
    const raw = new EngineConnection(parseEngineAddress(engine.host))
    const order = world.order(SERVE)
    const name = containerName(order.taskId, world.clusterId)
    const body = { Image: BUSYBOX_IMAGE, Cmd: ['sleep', '1000'] }
    await raw.call({ method: 'POST', path: '/containers/create', query: { name }, body, doing })
    onTestFinished(async () => {
      await raw.call({ method: 'DELETE', path: `/containers/${name}`, doing })
      raw.close()
    })
    const work = world.runtime.create(order, () => undefined, new AbortController().signal)
    await expect(work).rejects.toMatchObject({ code: 'ALREADY_EXISTS', message: expect.stringContaining(name) })
  })

  test('a log that the engine does not keep cannot be read, and says why', async () => {
    const world = await DockerWorld.forTest(engine.host)
    const id = await world.run(SERVE, { spec: { logging: { driver: 'none', options: {} } } })
    const query = { follow: false, tail: null, since: null }
    const read = async (): Promise<void> => {
      for await (const line of world.runtime.logs(id, query, new AbortController().signal)) expect(line).toBeNull()
    }
    await expect(read()).rejects.toMatchObject({
      code: 'RUNTIME_REFUSED',
      message: expect.stringContaining('does not support reading'),
    })
  })

  test('a program that cannot be started is refused in the engine’s words, and leaves a container that never ran', async () => {
    const world = await DockerWorld.forTest(engine.host)
    const id = await world.create(SERVE, { spec: { command: ['/no/such/program'] } })
    await expect(world.runtime.start(id)).rejects.toMatchObject({
      code: 'RUNTIME_REFUSED',
      message: expect.stringContaining('/no/such/program'),
    })
    expect(await world.runtime.inspect(id)).toMatchObject({
      state: 'created',
      startedAt: null,
      message: expect.stringContaining('/no/such/program'),
    })
  })

  test('thirty containers are created and started at once', async () => {
    const world = await DockerWorld.forTest(engine.host)
    const ids = await Promise.all(Array.from({ length: 30 }, () => world.create(SERVE)))
    await Promise.all(ids.map((id) => world.runtime.start(id)))
    const containers = await world.runtime.list()
    expect(containers.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    expect(containers.every(({ state }) => state === 'running')).toBe(true)
  })
})
