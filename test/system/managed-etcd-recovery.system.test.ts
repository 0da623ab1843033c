import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ClusterView, TaskView } from '../../src/core/model/view.ts'
import { etcdTests } from '../stores/etcd-tests.ts'
import { type Gantry, until } from './gantry.ts'
import { aMachine, aToken, leaderOf, readyNodes, WEB } from './machines.ts'
import { etcdPid, expectMembers, killEtcd, managedServers, membersOf } from './managed-servers.ts'

async function apply(by: Gantry): Promise<void> {
  const file = join(by.dataDir, 'web.yaml')
  writeFileSync(file, WEB)
  // A store that has just changed may still be finding its leader.
  await until(
    () => by.run('apply', '--yes', '--config', file),
    ({ code }) => code === 0,
  )
}

etcdTests(() => {
  test('a server that is killed at any moment of joining goes on, and a survivor of a lost majority takes everything over', async () => {
    const managed = await managedServers(2)
    const [s1, s2] = managed.servers as [Gantry, Gantry]
    await managed.up(0)
    await managed.allow(s1, 1)
    // Let in; a member; with an etcd that has been started; with one that votes.
    const moments: readonly (() => Promise<boolean>)[] = [
      async () => existsSync(join(s2.dataDir, 'identity', 'node.crt')),
      async () => (await membersOf(s1)).length === 2,
      async () => etcdPid(s2) !== stopped,
      async () => (await membersOf(s1)).includes('s2 voting alive'),
    ]
    let stopped: number | null = null
    for (const [at, moment] of moments.entries()) {
      const starting = managed.up(1).catch(() => undefined)
      await until(moment, (reached) => reached)
      await s2.end('SIGKILL')
      await starting
      // Every other time its etcd goes on.
      if (at % 2 === 1) killEtcd(s2)
      stopped = etcdPid(s2)
    }
    await managed.up(1)
    await expectMembers(s1, ['s1 voting alive', 's2 voting alive'])

    const agent = await aMachine()
    await agent.agent(
      ...['--name', 'w1', '--servers', `${managed.link(0)},${managed.link(1)}`],
      ...['--join-token-file', await aToken(s1)],
    )
    await until(
      () => readyNodes(s1),
      (names) => names.length === 3,
    )
    await apply(s1)
    const before = await s1.json<TaskView[]>('tasks')
    const onAgent = before.find(({ node }) => node === 3)
    expect(onAgent).toBeDefined()
    const authority = readFileSync(join(s1.dataDir, 'identity', 'authority.crt'), 'utf8')

    // Nobody goes on alone beside a majority.
    await s2.end('SIGKILL')
    expect(await s2.run('recover', '--from-survivor', '--yes')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('has not lost its quorum'),
    })
    await managed.up(1)
    await s1.end('SIGKILL')
    killEtcd(s1)
    const lost = 'the store has lost its quorum: 1 of 2 members answers'
    await until(
      () => s2.run('health'),
      ({ stdout }) => stdout.includes(lost),
    )
    expect(await s2.run('health')).toMatchObject({ code: 1, stdout: expect.stringContaining('gantry recover') })
    expect((await s2.run('cluster')).stdout).toContain(lost)
    expect(await s2.json<TaskView[]>('tasks')).toHaveLength(3)
    const nobody = await until(
      () => agent.run('leader'),
      ({ stdout }) => stdout.startsWith('nobody'),
    )
    expect(nobody).toMatchObject({ code: 1, stdout: expect.stringContaining('was the last to lead') })
    expect(await s2.run('recover', '--from-survivor', '--yes')).toMatchObject({ code: 5 })

    await s2.end('SIGTERM')
    const alone = await s2.run('recover', '--from-survivor', '--plan')
    expect(alone).toMatchObject({ code: 0, stdout: expect.stringContaining('Server s2 becomes the only member') })
    const recovered = await s2.run('recover', '--from-survivor', '--yes')
    expect(recovered).toMatchObject({ code: 0, stdout: expect.stringContaining('Server s2 is the only member') })
    await managed.up(1)
    await expectMembers(s2, ['s2 voting alive'])
    expect(await s2.json<ClusterView>('cluster')).toMatchObject({ cluster: { incarnation: 2 } })
    expect(readFileSync(join(s2.dataDir, 'identity', 'authority.crt'), 'utf8')).toBe(authority)
    await until(
      () => readyNodes(s2),
      (names) => names.includes('w1'),
    )
    const after = await s2.json<TaskView[]>('tasks')
    expect(after.find(({ id }) => id === onAgent?.id)).toMatchObject({
      state: 'running',
      startedAt: onAgent?.startedAt,
      containerId: onAgent?.containerId,
    })
    // Changes work again, once the lease of the lost leader has run out.
    await until(
      () => leaderOf(s2),
      (leader) => leader === 's2',
    )
    expect(await s2.run('service', 'scale', 'web', '2')).toMatchObject({ code: 0 })
    expect(await s2.run('destroy', '--yes')).toMatchObject({ code: 0 })
  })
})
