import { expect, test } from 'vitest'
import { until } from '../system/gantry.ts'
import { overlaps } from './history.ts'
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
  })
})
