import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, test } from 'vitest'
import type { ClusterView, TaskView } from '../../src/core/model/view.ts'
import { etcdTests } from '../stores/etcd-tests.ts'
import { type Gantry, until } from './gantry.ts'
import { aMachine, aToken, leaderOf, readyNodes, WEB } from './machines.ts'
import { etcdPid, killEtcd, type ManagedServers, managedServers, membersOf } from './managed-servers.ts'

const VOTING = ['s1 voting alive', 's2 voting alive', 's3 voting alive']

/** Servers look at each other every two seconds. */
async function expectMembers(server: Gantry, expected: readonly string[]): Promise<void> {
  await until(
    () => membersOf(server),
    (members) => members.join() === expected.join(),
    30_000,
  )
}

async function apply(by: Gantry): Promise<void> {
  const file = join(by.dataDir, 'web.yaml')
  writeFileSync(file, WEB)
  // A store that has just changed may still be finding its leader.
  await until(
    () => by.run('apply', '--yes', '--config', file),
    ({ code }) => code === 0,
  )
}

/** What a port of the store's says to who shows this: `talks`, or why not. */
function shown(port: number, identity: { key?: string; cert?: string }): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.2', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] }
    const socket = connectTls({ ...options, ...identity })
    const end = (what: string): void => {
      resolve(what)
      socket.destroy()
    }
    socket.on('error', (error) => end(error.message))
    socket.once('close', () => end('closed'))
    socket.once('data', () => end('talks'))
    // With TLS 1.3 a refusal of our certificate follows our own hello.
    socket.once('secureConnect', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'))
  })
}

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
  expect(await shown(clientPort, { key: pem, cert: pem })).toBe('talks')
  for (const port of [clientPort, peerPort]) {
    expect(await shown(port, asAgent)).not.toBe('talks')
    expect(await shown(port, {})).not.toBe('talks')
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
    await until(
      () => membersOf(left[0]),
      (members) => members.filter((member) => member.endsWith('silent')).length === 1,
    )
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
      40_000,
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
  }, 240_000)

  test('a server that is killed at any moment of joining goes on, and a survivor of a lost majority takes everything over', async () => {
    const managed = await managedServers(2)
    const [s1, s2] = managed.servers as [Gantry, Gantry]
    await managed.up(0)
    await managed.allow(s1, 1)
    // A start of the program alone takes half a second, and joining some three.
    for (const ms of [0, 800, 1_000, 2_500]) {
      const starting = managed.up(1).catch(() => undefined)
      await until(
        async () => existsSync(join(s2.dataDir, 'identity', 'node.crt')),
        (exists) => exists,
      )
      await new Promise((resolve) => setTimeout(resolve, ms))
      await s2.end('SIGKILL')
      await starting
      // Every other time its etcd goes on.
      if (ms % 1_000 !== 0) killEtcd(s2)
    }
    await managed.up(1)
    await expectMembers(s1, VOTING.slice(0, 2))

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
    expect(await s2.run('recover', '--from-survivor', '--yes')).toMatchObject({ code: 5 })

    await s2.end('SIGTERM')
    const recovered = await s2.run('recover', '--from-survivor', '--yes')
    expect(recovered).toMatchObject({ code: 0, stdout: expect.stringContaining('Server s2 is the only member') })
    await managed.up(1)
    await expectMembers(s2, ['s2 voting alive'])
    expect(await s2.json<ClusterView>('cluster')).toMatchObject({ cluster: { incarnation: 2 } })
    expect(readFileSync(join(s2.dataDir, 'identity', 'authority.crt'), 'utf8')).toBe(authority)
    await until(
      () => readyNodes(s2),
      (names) => names.includes('w1'),
      40_000,
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
  }, 240_000)
})
