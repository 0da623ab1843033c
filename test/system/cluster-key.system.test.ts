import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AuthorityView, TaskView } from '../../src/core/model/view.ts'
import { etcdTests } from '../stores/etcd-tests.ts'
import { type Gantry, until } from './gantry.ts'
import { aMachine, apply, aToken, leaderOf, readyNodes } from './machines.ts'
import { etcdPid, expectMembers, killEtcd, managedServers, shown } from './managed-servers.ts'

const VOTING = ['s1 voting alive', 's2 voting alive', 's3 voting alive']

const keyFile = ({ dataDir }: Gantry): string => join(dataDir, 'identity', 'cluster.key')
const keyIn = (server: Gantry): string => readFileSync(keyFile(server), 'utf8')
const keyOf = async (server: Gantry): Promise<AuthorityView['clusterKey']> =>
  (await server.json<AuthorityView>('cluster', 'key', 'status')).clusterKey

/** These run the real etcd and the real program; each has servers of its own on the loopback. */
etcdTests(() => {
  test('servers that run etcd go over to another cluster key, through the death of a leader, and nothing that runs is touched', async () => {
    const managed = await managedServers(3)
    const [s1, s2, s3] = managed.servers as [Gantry, Gantry, Gantry]
    await managed.up(0)
    await managed.allow(s1, 2)
    await Promise.all([managed.up(1), managed.up(2)])
    await expectMembers(s1, VOTING)
    const agent = await aMachine()
    await agent.agent(...['--name', 'w1', '--servers', managed.link(0), '--join-token-file', await aToken(s1)])
    await apply(s1)
    const before = await s1.json<TaskView[]>('tasks')
    const [old, oldId] = [keyIn(s1), (await keyOf(s1)).id]
    const oldPem = readFileSync(join(s1.dataDir, 'etcd-run', 'member.pem'), 'utf8')
    const oldToken = await aToken(s1)
    copyFileSync(keyFile(s1), join(s1.dataDir, 'old.key'))

    const plan = await s1.run('cluster', 'key', 'rotate', '--plan')
    expect(plan.stdout).toContain('another cluster key for 3 servers; nothing that runs is touched')
    expect(plan.stdout).toContain('join token')
    expect(await keyOf(s1)).toEqual({ id: oldId, change: 'none', since: null, waitsFor: [] })

    // A server that is away is waited for, and the leader dies with its etcd meanwhile.
    const leader = await leaderOf(s1)
    const lost = managed.servers[Number(leader.slice(1)) - 1] ?? s1
    const others = managed.servers.filter((server) => server !== lost) as [Gantry, Gantry]
    const [away, left] = others
    await away.end('SIGKILL')
    expect(await left.run('cluster', 'key', 'rotate', '--yes', '--detach')).toMatchObject({ code: 0 })
    await until(
      () => keyOf(left),
      ({ change }) => change === 'prepared',
    )
    await lost.end('SIGKILL')
    killEtcd(lost)
    await Promise.all([lost, away].map((server) => managed.up(managed.servers.indexOf(server))))

    // The same command once more goes on with it, and waits for its end.
    const done = await left.run('cluster', 'key', 'rotate', '--yes', '--timeout', '90')
    expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining('The cluster key was changed.') })
    const now = await keyOf(left)
    expect(now).toMatchObject({ change: 'none', waitsFor: [] })
    expect(now.id).not.toBe(oldId)
    expect(new Set(managed.servers.map(keyIn)).size).toBe(1)
    expect(keyIn(s1)).toMatch(/^[0-9a-f]{64}\n$/)
    expect(keyIn(s1)).not.toBe(old)
    await expectMembers(left, VOTING)
    for (const port of [managed.clientPort, managed.peerPort])
      for (const index of [0, 1, 2])
        expect(await shown(managed.host(index), port, { key: oldPem, cert: oldPem })).not.toBe('talks')
    const pem = readFileSync(join(s1.dataDir, 'etcd-run', 'member.pem'), 'utf8')
    expect(await shown(managed.host(0), managed.clientPort, { key: pem, cert: pem })).toBe('talks')

    // What the old key vouched for is over; everything else goes on.
    const late = await aMachine()
    const refused = await late.run('agent', '--servers', managed.link(1), '--join-token-file', oldToken)
    expect(refused).toMatchObject({ code: 6 })
    await late.agent('--name', 'w2', '--servers', managed.link(1), '--join-token-file', await aToken(s2))
    await until(
      () => readyNodes(s3),
      (names) => names.length === 5,
    )
    const ids = (tasks: readonly TaskView[]): unknown =>
      tasks.map(({ id, containerId, restarts }) => ({ id, containerId, restarts }))
    expect(ids(await s1.json<TaskView[]>('tasks'))).toEqual(ids(before))
    expect(managed.servers.every((server) => etcdPid(server) !== null)).toBe(true)
    // It can still sign: another authority needs the old one's private key.
    expect(await s1.run('authority', 'rotate', '--yes')).toMatchObject({ code: 0 })
    expect(await s1.run('destroy', '--yes')).toMatchObject({ code: 0 })
  })
})
