import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ClusterView, NodeView } from '../../src/core/model/view.ts'
import { until } from '../system/gantry.ts'
import { WEB } from '../system/machines.ts'
import type { Host } from './host.ts'
import { labTests } from './lab-tests.ts'

/** Machines share the processors of this one. */
const SEEN_WITHIN_MS = 60_000

labTests((start) => {
  test('servers with the state in their memories: who loses the leader follows the lowest id that is there, agents stay, nothing may run', async () => {
    const lab = await start({ hosts: 4 })
    const [one, two, three, worker] = lab.hosts as [Host, Host, Host, Host]
    const servers = [one, two, three]
    const secret = join(lab.directory, 'secret')
    writeFileSync(secret, 'OneSecretForAllOfThem7', { mode: 0o600 })
    const seeds = servers.map(({ address }) => address).join(',')
    const joining = ['--join-token-file', secret, '--failure-detection', 'fast']
    const store = ['--backend-type', 'memory', '--seeds', seeds]
    // One after the other: the names then are in the order of the ids.
    for (const host of servers)
      await host.up('--name', host.name, '--link', `${host.address}:7947`, ...store, ...joining)
    await worker.start(
      ['agent', '--name', worker.name, '--servers', seeds, '--address', worker.address, '--join-token-file', secret],
      'Gantry is up',
    )
    await allSay(servers, one, ['node1:ready', 'node2:ready', 'node3:ready', 'node4:ready'])
    const started = worker.gantryProcess

    await one.powerOff()
    const without = ['node1:unreachable', 'node2:ready', 'node3:ready', 'node4:ready']
    await allSay([two, three], two, without)
    const manifest = join(lab.directory, 'web.yaml')
    writeFileSync(manifest, WEB)
    const refused = await three.gantry('apply', '--yes', '--config', manifest)
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('managed-etcd') })
    expect(await two.gantry('node', 'label', worker.name, 'disk=ssd', '--yes')).toMatchObject({ code: 0 })

    await one.powerOn()
    await one.restartGantry()
    const everybody = without.map((node) => node.replace('unreachable', 'ready'))
    await allSay(servers, one, everybody)
    const labelled = async (): Promise<unknown> =>
      (await one.json<NodeView[]>('nodes')).find(({ name }) => name === worker.name)?.labels
    expect(await labelled()).toEqual({ disk: 'ssd' })

    // Cut off it goes on leading by itself; what the others did meanwhile holds when they meet again.
    const mend = await lab.cut(one)
    await allSay([two, three], two, without)
    expect(await standing(one)).toMatch(/^node1 /)
    expect(await three.gantry('node', 'label', worker.name, 'disk=none', '--yes')).toMatchObject({ code: 0 })
    await mend()
    await allSay(servers, one, everybody)
    expect(await labelled()).toEqual({ disk: 'none' })
    expect(worker.gantryProcess).toBe(started)
    expect(started?.isRunning).toBe(true)
  })
})

/** Resolves when each of these servers says that this host leads, and of each node that it is as told. */
async function allSay(servers: readonly Host[], leader: Host, nodes: readonly string[]): Promise<void> {
  for (const server of servers)
    await until(
      () => standing(server),
      (seen) => seen === [leader.name, ...nodes].join(' '),
      SEEN_WITHIN_MS,
    )
}

/** Who leads and how each node is, as a server says it; empty while it has nobody to ask. */
async function standing(server: Host): Promise<string> {
  const { code, stdout } = await server.gantry('cluster', '--json')
  if (code !== 0) return ''
  const { leadership, nodes } = JSON.parse(stdout) as ClusterView
  return [leadership.holder, ...nodes.map(({ name, status }) => `${name}:${status}`)].join(' ')
}
