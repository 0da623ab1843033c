import { expect, onTestFinished, test } from 'vitest'
import { parseEngineAddress } from '../../src/drivers/docker/address.ts'
import { EngineConnection } from '../../src/drivers/docker/connection.ts'
import type { PullProgress } from '../../src/ports/runtime.ts'
import { DockerWorld } from './docker-world.ts'
import { engineTests } from './engine-tests.ts'
import { BUSYBOX_IMAGE, NGINX_IMAGE } from './images.ts'
import { inside } from './inside.ts'
import { type Login, TestRegistry } from './registry.ts'

const SERVE = { kind: 'serve' } as const
const LOGIN = { username: 'ada', password: 'not-a-secret' }

engineTests((engine) => {
  test('a missing image is pulled, its layers counted, and its container runs', async () => {
    const { world, registry } = await prepared(null)
    const image = await pushedNewImage(world, registry)
    const told: PullProgress[] = []
    await expect(world.runtime.presentImages([image])).resolves.toEqual([])
    const order = world.order(SERVE, { spec: { image } })
    const id = await world.runtime.create(order, (progress) => told.push(progress), new AbortController().signal)
    await world.runtime.start(id)
    expect(await world.runtime.inspect(id)).toMatchObject({ state: 'running' })
    const last = told.at(-1)
    expect(last).toMatchObject({ image })
    expect(last?.layers).toBeGreaterThan(0)
    expect(last?.layersDone).toBe(last?.layers)
    expect(last?.bytesDone).toBe(last?.bytes)
    expect(last?.bytes).toBeGreaterThan(2_000_000)
    expect(await world.runtime.presentImages([image, NGINX_IMAGE])).toEqual([image, NGINX_IMAGE])
  })

  test('a tag that the registry does not have is told in its words', async () => {
    const { world, registry } = await prepared(null)
    await registry.push(engine.host, BUSYBOX_IMAGE, 'team/web', null)
    await expect(world.create(SERVE, { spec: { image: `${registry.address}/team/web:9` } })).rejects.toMatchObject({
      code: 'IMAGE_UNAVAILABLE',
      message: expect.stringMatching(/^cannot pull image \S+\/team\/web:9: .*manifest.*unknown/),
    })
  })

  test('a registry that wants a login is told in its words', async () => {
    const { world, registry } = await prepared(LOGIN)
    const image = await registry.push(engine.host, BUSYBOX_IMAGE, 'team/web', LOGIN)
    await expect(world.create(SERVE, { spec: { image } })).rejects.toMatchObject({
      code: 'IMAGE_UNAVAILABLE',
      message: expect.stringMatching(/no basic auth credentials|unauthorized/),
    })
  })

  test('a name that no image can have is refused without asking anybody', async () => {
    const world = await DockerWorld.forTest(engine.host)
    await expect(world.create(SERVE, { spec: { image: '../../containers/json' } })).rejects.toMatchObject({
      code: 'IMAGE_UNAVAILABLE',
    })
  })

  /** One with a layer that only the registry has: of one that is there, nothing would have to be pulled. */
  async function pushedNewImage(world: DockerWorld, registry: TestRegistry): Promise<string> {
    const raw = new EngineConnection(parseEngineAddress(engine.host))
    const doing = 'make an image'
    const made = `gantry-test/new-${world.clusterId}`
    const container = await world.run(SERVE)
    await inside(world.runtime, container, ['sh', '-c', 'head -c 3000000 /dev/urandom >/noise'])
    await raw.call({ method: 'POST', path: '/commit', query: { container, repo: made }, body: {}, doing })
    await world.runtime.remove(container)
    const image = await registry.push(engine.host, made, 'team/new', null)
    await raw.call({ method: 'DELETE', path: `/images/${made}`, doing })
    raw.close()
    return image
  }

  async function prepared(login: Login | null): Promise<{ world: DockerWorld; registry: TestRegistry }> {
    const world = await DockerWorld.forTest(engine.host)
    const registry = await TestRegistry.start(await world.freePort(), login)
    onTestFinished(() => registry.stop())
    return { world, registry }
  }
})
