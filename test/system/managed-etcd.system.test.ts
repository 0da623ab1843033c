import { readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ClusterView } from '../../src/core/model/view.ts'
import { etcdTests } from '../stores/etcd-tests.ts'
import { type Gantry, until } from './gantry.ts'
import { aMachine, aToken, leaderOf, readyNodes } from './machines.ts'
import {
  etcdPid,
  expectMembers,
  killEtcd,
  type ManagedServers,
  managedServers,
  membersOf,
  shown,
} from './managed-servers.ts'

const VOTING = ['s1 voting alive', 's2 voting alive', 's3 voting alive']

async function garbage(host: string, port: number, bytes: Buffer): Promise<void> {
  const socket = connect({ host, port })
  // It may be cut off while it is being written; what counts is what comes of it.
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.end(bytes)
  socket.resume()
  await closed
}

async function refusesStrangers({ clientPort, peerPort }: ManagedServers, agent: Gantry, own: Gantry): Promise<void> {
  const read = (gantry: Gantry, path: string): string => readFileSync(join(gantry.dataDir, path), 'utf8')
  const asAgent = { key: read(agent, 'identity/node.key'), cert: read(agent, 'identity/node.crt') }
  const pem = read(own, 'etcd-run/member.pem')
  expect(await shown('127.0.0.2', clientPort, { key: pem, cert: pem })).toBe('talks')
  for (const port of [clientPort, peerPort]) {
    expect(await shown('127.0.0.2', port, asAgent)).not.toBe('talks')
    expect(await shown('127.0.0.2', port, {})).not.toBe('talks')
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.alloc(100_000, 0xff),
      Buffer.from([0x16, 3, 1, 255]),
    ]) {
      await garbage('127.0.0.2', port, bytes)
    }
  }
}

/** These run the real etcd and the real program; each has servers of its own on the loopback. */
etcdTests(() => {
  test('three servers that start at once and in reverse become one store, which survives kills and a replacement', async () => {
    const managed = await managedServers(3)
    const [s1, s2, s3] = managed.servers as [Gantry, Gantry, Gantry]
    const starting = [managed.up(2), managed.up(1), managed.up(0)]
    await starting[2]
    await managed.allow(s1, 2)
    await Promise.all(starting)
    await expectMembers(s1, VOTING)
    await until(
      () => readyNodes(s3),
      (names) => names.length === 3,
    )
    const agent = await aMachine()
    await agent.agent(...['--name', 'w1', '--servers', managed.link(0), '--join-token-file', await aToken(s1)])
    await refusesStrangers(managed, agent, s1)
    await expectMembers(s1, VOTING)

    // A machine that dies with its etcd: the others go on, and it finds its member again.
    const leader = await leaderOf(s2)
    const lost = managed.servers[Number(leader.slice(1)) - 1] ?? s1
    const left = managed.servers.filter((server) => server !== lost) as [Gantry, Gantry]
    await lost.end('SIGKILL')
    killEtcd(lost)
    await until(
      () => leaderOf(left[0]),
      (name) => name !== leader,
    )
    // A commit of a server that may or may not lead.
    await managed.allow(left[1], 1)
    // Servers are looked at when somebody asks, so nothing has to be waited for.
    expect((await membersOf(left[0])).filter((member) => member.endsWith('silent'))).toHaveLength(1)
    expect((await left[0].json<ClusterView>('cluster')).conditions).toContainEqual(
      expect.objectContaining({ kind: 'member absent' }),
    )
    await managed.up(managed.servers.indexOf(lost))
    await expectMembers(lost, VOTING)

    // One whose Gantry alone is killed: its etcd goes on, and the next start adopts it.
    const pid = etcdPid(s3)
    await s3.end('SIGKILL')
    expect(
      await until(
        () => membersOf(s1),
        (members) => members.length === 3,
      ),
    ).toEqual(VOTING)
    await managed.up(2)
    expect(etcdPid(s3)).toBe(pid)

    // One that is lost for good is replaced by another at its place.
    expect(await s1.run('servers', 'rm', 's9')).toMatchObject({ code: 1 })
    await s2.end('SIGKILL')
    killEtcd(s2)
    // Until another leads, and has seen that it is gone, there are other answers.
    const refused = '1 of the 2 that are left would answer, and 2 are needed'
    await until(
      () => s3.run('servers', 'rm', 's1'),
      ({ code, stderr }) => code === 5 && stderr.includes(refused),
    )
    expect(await s3.run('servers', 'rm', 's2')).toMatchObject({ code: 0 })
    await expectMembers(s1, ['s1 voting alive', 's3 voting alive'])
    await until(
      () => s1.json<ClusterView>('cluster'),
      ({ nodes }) => nodes.some(({ name, status }) => name === 's2' && status === 'unreachable'),
    )
    expect(await s1.run('node', 'rm', 's2', '--yes')).toMatchObject({ code: 0 })
    for (const name of ['etcd', 'etcd-run', 'identity', 'agent.json']) {
      rmSync(join(s2.dataDir, name), { recursive: true, force: true })
    }
    await managed.allow(s1, 1)
    await managed.up(1)
    await expectMembers(s1, VOTING)

    // All together: each finds its member.
    await Promise.all(managed.servers.map((server) => server.end('SIGTERM')))
    await Promise.all(managed.servers.map((_, index) => managed.up(index)))
    await expectMembers(s2, VOTING)
  })
})
