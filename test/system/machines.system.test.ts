import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { JoinTokenView, TaskView } from '../../src/core/model/view.ts'
import { freePort } from '../free-port.ts'
import { etcdTests, sharedEtcd } from '../stores/etcd-tests.ts'
import { tokenOf, until } from './gantry.ts'
import { aMachine, aServer, aToken, leaderOf, readyNodes, WEB } from './machines.ts'

/** Machines of one cluster that are processes of this one: everything but the network between them is real. */
etcdTests(() => {
  const etcd = sharedEtcd()

  let namespaces = 0
  const aStore = (): string[] => {
    const store = ['--backend-type', 'etcd', '--etcd-endpoints', etcd().address, '--leader-ttl', '6s']
    return [...store, '--backend-namespace', `machines${++namespaces}`]
  }

  test('machines join, run a service, and go on under another leader when the first is killed', async () => {
    const store = aStore()
    const first = await aServer('a', store)
    const second = await aServer(
      'b',
      store,
      ...['--servers', first.link, '--join-token-file', await aToken(first.gantry, '--role', 'server')],
    )
    const third = await aMachine()
    await third.agent(
      ...['--name', 'c', '--servers', `${first.link},${second.link}`],
      ...['--join-token-file', await aToken(first.gantry)],
    )
    await until(
      () => readyNodes(second.gantry),
      (names) => names.join() === 'a,b,c',
    )
    expect(await leaderOf(second.gantry)).toBe('a')

    // A server that does not lead passes everything on.
    writeFileSync(join(second.gantry.dataDir, 'web.yaml'), WEB)
    const applied = await second.gantry.run('apply', '--yes', '--config', join(second.gantry.dataDir, 'web.yaml'))
    expect(applied).toMatchObject({ code: 0 })
    const tasks = await second.gantry.json<TaskView[]>('tasks')
    expect(tasks.map(({ node }) => node).sort()).toEqual([1, 2, 3])
    const onThird = tasks.find(({ node }) => node === 3)?.id ?? ''
    expect(await second.gantry.run('exec', onThird, '--', 'sh', '-c', 'echo hello; exit 3')).toMatchObject({
      code: 3,
      stdout: 'hello\n',
    })
    expect(
      (await second.gantry.run('logs', 'web')).stdout.split('\n').filter((line) => line.endsWith('up')),
    ).toHaveLength(3)

    // A node that is no server passes on how things are, and with a token everything.
    expect(await third.run('services')).toMatchObject({ code: 0 })
    expect(await third.run('revisions')).toMatchObject({ code: 6 })
    const token = { ...third.env, GANTRY_TOKEN: tokenOf(second.gantry) }
    Object.assign(third.env, token)
    expect(await third.json<unknown[]>('services')).toHaveLength(1)

    await first.gantry.end('SIGKILL')
    await until(
      () => leaderOf(second.gantry),
      (leader) => leader === 'b',
    )
    // What ran has gone on: nothing was restarted for the change of leader.
    const after = await second.gantry.json<TaskView[]>('tasks')
    for (const { id, startedAt } of tasks) expect(after.find((task) => task.id === id)).toMatchObject({ startedAt })

    await first.gantry.up('--name', 'a', '--link', first.link, ...store)
    expect(await leaderOf(first.gantry)).toBe('b')
    await until(
      () => readyNodes(first.gantry),
      (names) => names.length === 3,
    )
    expect(await first.gantry.run('service', 'scale', 'web', '4')).toMatchObject({ code: 0 })
    expect(await second.gantry.run('destroy', '--yes')).toMatchObject({ code: 0 })
  })

  test('a token lets in what it says, as often as it says, and nobody once it is revoked', async () => {
    const first = await aServer('a', aStore())
    const forServer = await aToken(first.gantry, '--role', 'server')
    const once = await aToken(first.gantry, '--uses', '1')
    const tokens = await first.gantry.json<JoinTokenView[]>('join-token', 'ls')
    expect(tokens.map(({ role, usesLeft }) => [role, usesLeft])).toEqual([
      ['agent', 1],
      ['server', 1],
    ])
    expect(JSON.stringify(tokens)).not.toContain('secret')

    const joining = async (file: string): Promise<{ code: number | null; stderr: string }> => {
      const machine = await aMachine()
      const { code, stderr } = await machine.run('agent', '--servers', first.link, '--join-token-file', file)
      expect(existsSync(join(machine.dataDir, 'identity'))).toBe(false)
      return { code, stderr }
    }
    expect(await joining(forServer)).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('lets in servers, not agents'),
    })
    const [used] = tokens
    expect(await first.gantry.run('join-token', 'revoke', used?.id ?? '')).toMatchObject({ code: 0 })
    expect(await joining(once)).toMatchObject({ code: 6, stderr: expect.stringContaining('was revoked') })

    const garbled = join(first.gantry.dataDir, 'garbled')
    writeFileSync(garbled, readFileSync(forServer, 'utf8').trim().replace(/.{4}$/, 'aaaa'))
    expect(await joining(garbled)).toMatchObject({ code: 6, stderr: expect.stringContaining('no such join token') })

    // A token of another cluster names another authority: nothing of it is shown to this one.
    const other = await aServer('x', aStore())
    const foreign = await aToken(other.gantry)
    expect(await joining(foreign)).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('cannot trust the server'),
    })
  })

  test('a server that is removed while it leads gives the lead up, ends with 6, and does not come back', async () => {
    const store = aStore()
    const first = await aServer('a', store)
    const joining = ['--servers', first.link, '--join-token-file', await aToken(first.gantry, '--role', 'server')]
    const second = await aServer('b', store, ...joining)
    await until(
      () => readyNodes(second.gantry),
      (names) => names.join() === 'a,b',
    )
    const ended = once(first.gantry.process as ChildProcess, 'exit')
    expect(await second.gantry.run('node', 'drain', 'a', '--yes')).toMatchObject({ code: 0 })
    expect(await second.gantry.run('node', 'rm', 'a', '--yes')).toMatchObject({ code: 0 })
    const [code] = (await ended) as [number | null]
    expect({ code, said: first.gantry.output.text }).toEqual({
      code: 6,
      said: expect.stringContaining('this machine does not belong to the cluster any more: node 1 (a) was removed'),
    })
    await until(
      () => leaderOf(second.gantry),
      (leader) => leader === 'b',
    )
    const again = await first.gantry.run('up', '--name', 'a', '--link', first.link, ...store)
    expect(again).toMatchObject({ code: 6, stderr: expect.stringContaining('to join as a new node') })
    expect(await leaderOf(second.gantry)).toBe('b')
    expect(await second.gantry.run('node', 'drain', 'b', '--force', '--yes')).toMatchObject({ code: 0 })
    const { code: refused, stderr } = await second.gantry.run('node', 'rm', 'b', '--yes')
    expect({ refused, stderr }).toEqual({ refused: 4, stderr: expect.stringContaining('is the only server') })
  })

  test('secrets are readable by their owner alone, and a server without a token does not get into the store’s cluster', async () => {
    const store = aStore()
    const first = await aServer('a', store)
    for (const name of ['node.key', 'cluster.key'])
      expect(statSync(join(first.gantry.dataDir, 'identity', name)).mode & 0o777).toBe(0o600)
    const stranger = await aMachine()
    const { code, stderr } = await stranger.run(
      'up',
      '--name',
      's',
      '--link',
      `127.0.0.1:${await freePort()}`,
      ...store,
    )
    expect(code).toBe(4)
    expect(stderr).toContain('belongs to a cluster that this machine has not joined')
  })
})
