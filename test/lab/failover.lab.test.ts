import { expect, test } from 'vitest'
import type { ClusterView } from '../../src/core/model/view.ts'
import { until } from '../system/gantry.ts'
import { overlaps } from './history.ts'
import type { Lab } from './lab.ts'
import { LabCluster } from './lab-cluster.ts'
import { labTests } from './lab-tests.ts'
import { watchContainers } from './watch-containers.ts'

const BUSYBOX = 'gantry-test/busybox:1'
const MANIFEST = `services:
  web:
    image: ${BUSYBOX}
    replicas: 4
    command: [httpd, -f, -p, "8000", -h, /etc]
    stop_signal: SIGKILL
    ports: [8000]
    health_check: { type: tcp, port: 8000, interval: 1, timeout: 1, retries: 3 }
  only:
    image: ${BUSYBOX}
    exclusive: true
    command: [sleep, "100000"]
    stop_signal: SIGKILL
`

const WEB = MANIFEST.replace(/ {2}only:[\s\S]*/, '')

labTests((start) => {
  test('a node that loses power is found out, its tasks run elsewhere, and what may run only once waits', async () => {
    const lab = await start({ hosts: 4 })
    const cluster = await LabCluster.start(lab, { servers: 2 })
    await cluster.apply(MANIFEST)
    const watch = watchContainers(lab.hosts)
    const [only] = await cluster.tasks('only')
    const home = (await cluster.view()).nodes.find(({ id }) => id === only?.node)?.name
    // An agent that holds the exclusive task, or any other where a server does.
    const victim = lab.hosts.slice(2).find(({ name }) => name === home) ?? lab.host(4)
    const id = (await cluster.view()).nodes.find(({ name }) => name === victim.name)?.id

    await victim.powerOff()
    await until(
      () => cluster.tasks('web'),
      (tasks) => tasks.length === 4 && tasks.every(({ ready, node }) => ready && node !== id),
      60_000,
    )
    expect((await cluster.view()).nodes.find((node) => node.id === id)?.status).toBe('unreachable')
    const [held] = await cluster.tasks('only')
    expect(held?.id).toBe(only?.id)

    await victim.powerOn()
    await victim.restartGantry()
    await until(
      () => cluster.view(),
      ({ nodes }) => nodes.every(({ status }) => status === 'ready'),
    )
    await until(
      () => cluster.tasks('only'),
      ([task]) => task?.ready === true,
    )
    await watch.stop()
    expect(overlaps(watch.history, (service) => service === 'only')).toEqual([])
  }, 180_000)

  test('the machine of the leader is lost: another leads, nothing else is restarted, and all replicas run again', async () => {
    const lab = await start({ hosts: 4 })
    const cluster = await LabCluster.start(lab, { servers: 2 })
    await cluster.apply(WEB)
    const before = await cluster.tasks('web')
    const leader = await cluster.leader()
    const id = (await cluster.view()).nodes.find(({ name }) => name === leader.name)?.id
    await leader.powerOff()
    const after = await until(
      () => cluster.tasks('web'),
      (tasks) => tasks.length === 4 && tasks.every(({ ready, node }) => ready && node !== id),
      60_000,
    )
    expect(await cluster.leader()).not.toBe(leader)
    for (const task of before)
      if (task.node !== id)
        expect(after).toContainEqual(expect.objectContaining({ id: task.id, startedAt: task.startedAt }))
  }, 180_000)

  test('every server is gone: containers go on and come back after a crash, and the servers take over again', async () => {
    const lab = await start({ hosts: 3 })
    const cluster = await LabCluster.start(lab, { servers: 2 })
    await cluster.apply(WEB)
    const before = await cluster.tasks('web')
    for (const server of cluster.servers) await server.signal('gantry', 'SIGKILL')
    const host = lab.host(3)
    const [victim] = (await host.containers()).filter(({ labels }) => labels['gantry.service'] === 'web')
    await host.run(['kill', '-9', String(victim?.pid)])
    await until(
      () => host.containers(),
      (all) => all.some(({ id, state, pid }) => id === victim?.id && state === 'running' && pid !== victim?.pid),
    )
    for (const server of cluster.servers) await server.restartGantry()
    await until(
      () => cluster.tasks('web'),
      (tasks) => tasks.length === 4 && tasks.every(({ ready }) => ready),
      60_000,
    )
    expect((await cluster.tasks('web')).map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  }, 180_000)

  test('a leader that is stopped in its tracks is replaced, and when it goes on it follows', async () => {
    const lab = await start({ hosts: 3 })
    const cluster = await LabCluster.start(lab, { servers: 2 })
    await cluster.apply(WEB)
    const leader = await cluster.leader()
    const other = cluster.servers.find((server) => server !== leader)
    if (other === undefined) throw new Error('there are two servers')
    await leader.signal('gantry', 'SIGSTOP')
    const led = await until(
      () => other.json<ClusterView>('cluster'),
      ({ leadership }) => leadership.holder === other.name,
      30_000,
    )
    // While the old one cannot know it, the new one decides.
    expect(await other.gantry('service', 'scale', 'web', '5', '--detach')).toMatchObject({ code: 0 })
    await leader.signal('gantry', 'SIGCONT')
    await until(
      () => leader.json<ClusterView>('cluster'),
      ({ leadership }) => leadership.epoch === led.leadership.epoch && leadership.holder === other.name,
    )
    const tasks = await until(
      () => cluster.tasks('web'),
      (all) => all.length === 5 && all.every(({ ready }) => ready),
      60_000,
    )
    expect(await runningTasks(lab)).toEqual(tasks.map(({ id }) => id).sort())
  }, 180_000)

  test('a node that is cut off goes on by itself, and when it is back runs what the cluster says, once', async () => {
    const lab = await start({ hosts: 3 })
    const cluster = await LabCluster.start(lab, { servers: 2 })
    await cluster.apply(WEB)
    const lonely = lab.host(3)
    const id = (await cluster.view()).nodes.find(({ name }) => name === lonely.name)?.id
    const mend = await lab.cut(lonely)
    await until(
      () => cluster.tasks('web'),
      (all) => all.length === 4 && all.every(({ ready, node }) => ready && node !== id),
      60_000,
    )
    // Nobody can tell it to stop, so it does not.
    const there = (await lonely.containers()).filter(({ state }) => state === 'running')
    expect(there.length).toBeGreaterThan(0)
    await mend()
    await until(
      () => cluster.view(),
      ({ nodes }) => nodes.every(({ status }) => status === 'ready'),
    )
    const tasks = await cluster.tasks('web')
    await until(
      () => runningTasks(lab),
      (running) =>
        running.join() ===
        tasks
          .map((task) => task.id)
          .sort()
          .join(),
    )
  }, 180_000)
})

/** Tasks with a running container, as the engines say. */
async function runningTasks(lab: Lab): Promise<string[]> {
  const containers = await Promise.all(lab.hosts.map((host) => host.containers()))
  const running = containers.flat().filter(({ state }) => state === 'running')
  return running.map(({ labels }) => labels['gantry.task'] ?? '').sort()
}
