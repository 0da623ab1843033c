import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ClusterView, TaskView } from '../../src/core/model/view.ts'
import { processesOf } from '../../src/drivers/service/detached.ts'
import { freePort } from '../free-port.ts'
import { etcdTests } from '../stores/etcd-tests.ts'
import { type Gantry, until } from './gantry.ts'
import { aMachine, leaderOf, readyNodes, WEB } from './machines.ts'
import { killEtcd, type ManagedServers, managedServers, membersOf } from './managed-servers.ts'

/** Options of `up`, `store move` and `backup restore` for this store. */
function storeOf({ clientPort, peerPort, link }: ManagedServers): readonly string[] {
  const seeds = ['--seeds', [0, 1].map(link).join(',')]
  return [...seeds, '--etcd-client-port', String(clientPort), '--etcd-peer-port', String(peerPort)]
}

/** Runs a command until this file is there, and kills it. */
async function killedWith(gantry: Gantry, file: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [gantry.program, ...args], { env: gantry.env, stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  await until(
    async () => existsSync(join(gantry.dataDir, file)),
    (exists) => exists,
  )
  child.kill('SIGKILL')
  await ended
}

/** The tasks and when they began: a task that was restarted differs. */
async function running(by: Gantry): Promise<readonly string[]> {
  const tasks = await by.json<TaskView[]>('tasks')
  return tasks
    .filter(({ state }) => state === 'running')
    .map(({ id, containerId, startedAt }) => `${id} ${containerId} ${startedAt}`)
    .sort()
}

async function withAgent(managed: ManagedServers, server: Gantry): Promise<readonly string[]> {
  const agent = await aMachine()
  const [old, secret] = ['old', 'new'].map((name) => join(agent.dataDir, name)) as [string, string]
  for (const file of [old, secret]) {
    writeFileSync(file, randomBytes(16).toString('hex'), { mode: 0o600 })
    expect(await server.run('cluster', 'secret', '--file', file)).toMatchObject({ code: 0 })
  }
  const joining = ['--name', 'w1', '--placement', 'work', '--servers', managed.link(0), '--join-token-file']
  expect(await agent.run('agent', ...joining, old)).toMatchObject({ code: 6 })
  await agent.agent(...joining, secret)
  await until(
    () => readyNodes(server),
    (names) => names.length === 2,
  )
  const file = join(server.dataDir, 'web.yaml')
  writeFileSync(file, WEB.replace('    replicas', '    placement: work\n    replicas'))
  expect(await server.run('apply', '--yes', '--config', file)).toMatchObject({ code: 0 })
  return running(server)
}

async function isIncarnation(server: Gantry, incarnation: number): Promise<void> {
  expect(await server.json<ClusterView>('cluster')).toMatchObject({ cluster: { incarnation } })
  await until(
    () => readyNodes(server),
    (names) => names.includes('w1') && names.includes('s1'),
  )
}

etcdTests(() => {
  test('one server on SQLite becomes several with an etcd of their own, is put back after the loss of all, and is one on SQLite again', async () => {
    const managed = await managedServers(2)
    const [s1, s2] = managed.servers as [Gantry, Gantry]
    const alone = ['--name', 's1', '--link', managed.link(0)]
    await s1.up(...alone)
    const before = await withAgent(managed, s1)
    expect(before).toHaveLength(3)
    const authority = readFileSync(join(s1.dataDir, 'identity', 'authority.crt'), 'utf8')
    const move = ['store', 'move', '--to', 'managed-etcd', ...storeOf(managed)]
    expect(await s1.run(...move, '--yes')).toMatchObject({ code: 4 })
    await s1.end('SIGTERM')
    await expect(managed.up(0)).rejects.toThrow('`gantry store move --to managed-etcd')
    expect(await s1.run(...move, '--plan')).toMatchObject({ code: 0, stdout: expect.stringContaining('1 → 2') })
    expect(existsSync(join(s1.dataDir, 'etcd'))).toBe(false)

    // Killed before the old store is left: it is the valid one, and the new one is refused.
    await killedWith(s1, 'etcd-run/unfinished', [...move, '--yes'])
    await expect(managed.up(0)).rejects.toThrow('ended with 78')
    await s1.up(...alone)
    expect(await running(s1)).toEqual(before)
    await s1.end('SIGTERM')
    expect(await s1.run(...move, '--yes')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('--backend-type managed-etcd'),
    })
    expect(await s1.run(...move, '--yes')).toMatchObject({ code: 0, stderr: expect.stringContaining('had been moved') })
    await expect(s1.up(...alone)).rejects.toThrow('ended with 78')

    await managed.up(0)
    expect(await leaderOf(s1)).toBe('s1')
    await isIncarnation(s1, 2)
    expect(await running(s1)).toEqual(before)
    expect(readFileSync(join(s1.dataDir, 'identity', 'authority.crt'), 'utf8')).toBe(authority)
    await managed.allow(s1, 1)
    await managed.up(1)
    await until(
      () => membersOf(s1),
      (members) => members.join() === 's1 voting alive,s2 voting alive',
    )

    // All servers are lost. The first of new machines has the address, a backup, and the cluster key; nothing else.
    const [kept, key] = ['all.gantry', 'cluster.key'].map((name) => join(s2.dataDir, name)) as [string, string]
    expect(await s1.run('backup', 'create', kept)).toMatchObject({ code: 0 })
    copyFileSync(join(s1.dataDir, 'identity', 'cluster.key'), key)
    const back = ['store', 'move', '--from', 'managed-etcd', '--to', 'sqlite', '--yes']
    await s1.end('SIGTERM')
    const restore = ['backup', 'restore', kept, '--backend-type', 'managed-etcd', ...storeOf(managed)]
    expect(await s1.run(...restore, '--replace', '--yes')).toMatchObject({ code: 5 })
    expect(await s1.run(...back)).toMatchObject({ code: 4 })
    await s2.end('SIGKILL')
    killEtcd(s2)
    for (const name of readdirSync(s1.dataDir)) rmSync(join(s1.dataDir, name), { recursive: true })
    expect(await s1.run(...restore, '--plan')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('--cluster-key-file'),
    })
    const restored = await s1.run(...restore, '--cluster-key-file', key, '--name', 's1', '--above', '2', '--yes')
    expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining('becomes server s1, node 1') })
    expect(await s1.run('recover', '--backend-type', 'managed-etcd', ...storeOf(managed))).toMatchObject({ code: 0 })
    await managed.up(0)
    await isIncarnation(s1, 3)
    expect(await running(s1)).toEqual(before)
    expect(readFileSync(join(s1.dataDir, 'identity', 'authority.crt'), 'utf8')).toBe(authority)
    expect(await membersOf(s1)).toEqual(['s1 voting alive'])

    // The way back, for one that is alone.
    expect(await s1.run(...back)).toMatchObject({ code: 5, stderr: expect.stringContaining('Gantry runs') })
    await s1.end('SIGTERM')
    expect(await s1.run(...back)).toMatchObject({ code: 0 })
    await s1.up(...alone)
    await isIncarnation(s1, 4)
    expect(await running(s1)).toEqual(before)
    expect(await s1.run('destroy', '--yes')).toMatchObject({ code: 0 })
  })

  test('an installed server grows with its file, and as the last of its servers is uninstalled without force', async () => {
    const gantry = await aMachine()
    const volume = join(gantry.dataDir, 'volume')
    const secret = join(gantry.dataDir, 'secret')
    writeFileSync(secret, randomBytes(16).toString('hex'), { mode: 0o600 })
    const [link, client, peer, api] = [await freePort(), await freePort(), await freePort(), await freePort()]
    const server = ['--seeds', `127.0.0.6:${link}`, '--public-address', '127.0.0.6', '--role', 'server']
    const where = ['--volume', volume, '--token-file', secret, '--listen', `127.0.0.1:${api}`]
    try {
      const { code, stderr } = await gantry.run('install', ...where, ...server)
      expect(code, stderr).toBe(0)
      const [running] = processesOf(['up', '--config', join(volume, 'gantry.yaml')])
      process.kill(running?.pid ?? 0, 'SIGTERM')
      const ports = ['--etcd-client-port', String(client), '--etcd-peer-port', String(peer)]
      const seeds = ['--seeds', `127.0.0.6:${link},127.0.0.7:${link}`]
      await until(
        () => gantry.run('store', 'move', '--data', volume, '--to', 'managed-etcd', ...seeds, ...ports, '--yes'),
        ({ code }) => code === 0,
      )
      await gantry.up('--config', join(volume, 'gantry.yaml'))
      const gone = await gantry.run('uninstall', '--volume', volume, '--yes')
      expect(gone).toMatchObject({ code: 0, stderr: expect.stringContaining('this is its only server') })
      expect(gone.stderr).not.toContain('Left behind')
      expect(existsSync(volume)).toBe(false)
    } finally {
      await gantry.run('uninstall', '--volume', volume, '--yes', '--force')
    }
  })
})
