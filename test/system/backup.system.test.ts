import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { TaskLogLine } from '../../src/control/api.ts'
import type { AuthorityView, BackupView, ClusterView, NodeView, TaskView } from '../../src/core/model/view.ts'
import { anEtcd, etcdTests } from '../stores/etcd-tests.ts'
import { type Gantry, until } from './gantry.ts'
import { aMachine, aServer, aToken, readyNodes, type ServerMachine } from './machines.ts'

const PROGRAM = `command: [sh, -c, 'echo pid $$; exec sleep 1000']`
const WEB = `services:
  web:
    replicas: 4
    ${PROGRAM}
`

interface Cluster {
  readonly server: ServerMachine
  readonly agent: Gantry
  readonly id: string
}

/** A server with SQLite, and an agent with a data directory of its own, both with tasks. */
async function aCluster(): Promise<Cluster> {
  const server = await aServer('a', [])
  const token = await aToken(server.gantry)
  const agent = await aMachine()
  await agent.agent('--name', 'b', '--servers', server.link, '--join-token-file', token)
  await until(
    () => readyNodes(server.gantry),
    (names) => names.length === 2,
  )
  await apply(server.gantry, WEB)
  const { cluster } = await server.gantry.json<ClusterView>('cluster')
  return { server, agent, id: cluster.id }
}

async function apply(gantry: Gantry, manifest: string): Promise<void> {
  const file = join(gantry.dataDir, 'manifest.yaml')
  writeFileSync(file, manifest)
  expect(await gantry.run('apply', '--config', file, '--yes')).toMatchObject({ code: 0 })
}

/** The processes of a service, as they said themselves when they began: one line for each that ever did. */
async function pidsOf(gantry: Gantry, service: string): Promise<readonly number[]> {
  const { stdout } = await gantry.run('logs', service, '--json')
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => Number(/pid (\d+)/.exec((JSON.parse(line) as TaskLogLine).text)?.[1])).sort()
}

function alive(pids: readonly number[]): readonly number[] {
  return pids.filter((pid) => existsSync(`/proc/${pid}`))
}

/** Waits until both nodes have obeyed this incarnation. */
async function attached({ server, agent }: Cluster, incarnation: number): Promise<void> {
  const obeyed = (gantry: Gantry): number => {
    const text = readFileSync(join(gantry.dataDir, 'agent.json'), 'utf8')
    return (JSON.parse(text) as { authority: { incarnation: number } }).authority.incarnation
  }
  await until(
    async () => [server.gantry, agent].map(obeyed),
    (found) => found.every((one) => one === incarnation),
  )
}

/** Changes what an object says behind the back of its checksum. */
function damageOneEvent(path: string): void {
  using db = new DatabaseSync(path)
  db.exec(`UPDATE objects SET value = value || ' ' WHERE key = (SELECT min(key) FROM objects WHERE key LIKE 'event/%')`)
}

function removeState(gantry: Gantry): void {
  for (const part of ['', '-wal']) rmSync(join(gantry.dataDir, `state.db${part}`), { force: true })
}

test('a state that was lost is recovered from a backup, and nothing that runs is restarted', async () => {
  const cluster = await aCluster()
  const { gantry, link } = cluster.server
  const pids = await pidsOf(gantry, 'web')
  expect(pids).toHaveLength(4)
  const file = join(gantry.dataDir, 'copy.gantry')
  expect(await gantry.run('backup', 'create', file)).toMatchObject({ code: 0, stdout: `${file}\n` })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await gantry.run('backup', 'create', file)).toMatchObject({ code: 5 })
  const verified = await gantry.run('backup', 'verify', file)
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('made by a server of the cluster') })
  const authority = readFileSync(join(gantry.dataDir, 'identity/authority.crt'), 'utf8')

  await gantry.end('SIGKILL')
  removeState(gantry)
  expect(await gantry.run('up', '--name', 'a', '--link', link)).toMatchObject({
    code: 78,
    stderr: expect.stringContaining(`this machine is of cluster ${cluster.id}`),
  })
  const plan = await gantry.run('recover', '--from', file, '--plan')
  expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('incarnation  1 → 2') })
  expect(existsSync(join(gantry.dataDir, 'state.db'))).toBe(false)
  expect(await gantry.run('recover', '--from', file, '--yes')).toMatchObject({ code: 0 })
  await gantry.up('--name', 'a', '--link', link)
  await attached(cluster, 2)
  expect((await gantry.json<ClusterView>('cluster')).cluster).toMatchObject({
    id: cluster.id,
    incarnation: 2,
    keepsUnknown: true,
  })
  expect(readFileSync(join(gantry.dataDir, 'identity/authority.crt'), 'utf8')).toBe(authority)
  await until(
    () => readyNodes(gantry),
    (names) => names.length === 2,
  )
  expect(await pidsOf(gantry, 'web')).toEqual(pids)
  expect(alive(pids)).toEqual(pids)

  expect(await gantry.run('cluster', 'settle')).toMatchObject({ code: 0 })
  expect(await gantry.run('cluster', 'settle')).toMatchObject({ code: 0, stderr: 'There is nothing to settle.\n' })
  expect(await gantry.run('service', 'scale', 'web', '5')).toMatchObject({ code: 0 })
  expect((await pidsOf(gantry, 'web')).filter((pid) => pids.includes(pid))).toEqual(pids)
})

test('a backup of another cluster is not put back on a machine of this one', async () => {
  const stranger = await aMachine()
  await stranger.up()
  const file = join(stranger.dataDir, 'copy.gantry')
  expect(await stranger.run('backup', 'create', file)).toMatchObject({ code: 0 })
  const { gantry } = await aServer('a', [])
  await gantry.end('SIGTERM')
  const state = readFileSync(join(gantry.dataDir, 'state.db'))
  for (const words of [
    ['backup', 'restore', file, '--replace', '--yes'],
    ['backup', 'restore', file, '--plan'],
  ]) {
    const refused = { code: 1, stderr: expect.stringMatching(/it is of cluster \w+ \(.*\), this machine is of \w+/) }
    expect(await gantry.run(...words)).toMatchObject(refused)
  }
  expect(readFileSync(join(gantry.dataDir, 'state.db')).equals(state)).toBe(true)
})

test('after a backup older than the last apply, what runs stays until a user settles it', async () => {
  const cluster = await aCluster()
  const { gantry, link } = cluster.server
  const made = await gantry.json<BackupView>('backup', 'create', '--name', 'early')
  expect((await gantry.json<BackupView[]>('backup', 'list')).map(({ name }) => name)).toEqual(['early'])
  await apply(gantry, `${WEB}  late:\n    replicas: 2\n    ${PROGRAM}\n`)
  const pids = await pidsOf(gantry, 'web')
  const late = await pidsOf(gantry, 'late')
  expect(late).toHaveLength(2)

  await gantry.end('SIGTERM')
  expect(await gantry.run('backup', 'restore', made.path, '--yes')).toMatchObject({ code: 5 })
  const restored = await gantry.run('backup', 'restore', made.path, '--replace', '--yes')
  expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining('manifest 2 is desired now; 1 will be') })
  await gantry.up('--name', 'a', '--link', link)
  await attached(cluster, 2)
  // The word of those who had to decide, not a while in which nothing happened.
  const keepers = [gantry, cluster.agent]
  await until(
    async () => keepers.filter(({ output }) => output.text.includes('containers without a task are kept')).length,
    (count) => count >= 1,
  )
  expect(alive([...pids, ...late])).toEqual([...pids, ...late])
  expect(await gantry.json<TaskView[]>('tasks')).toHaveLength(4)

  expect(await gantry.run('cluster', 'settle')).toMatchObject({ code: 0 })
  await until(
    async () => alive(late),
    (left) => left.length === 0,
  )
  expect(alive(pids)).toEqual(pids)
})

test('machines that joined after the backup come back by themselves, also one whose number another machine has in it', async () => {
  const cluster = await aCluster()
  const { gantry, link } = cluster.server
  const made = await gantry.json<BackupView>('backup', 'create', '--name', 'early')
  await cluster.agent.end('SIGKILL')
  await until(
    () => readyNodes(gantry),
    (names) => names.length === 1,
  )
  expect(await gantry.run('node', 'rm', 'b', '--force', '--yes')).toMatchObject({ code: 0 })
  const token = await aToken(gantry)
  const numbered = async (): Promise<string[]> => {
    const nodes = await gantry.json<NodeView[]>('nodes')
    return nodes.filter(({ status }) => status === 'ready').map(({ id, name }) => `${id} ${name}`)
  }
  const later = await Promise.all([aMachine(), aMachine()])
  for (const [i, agent] of later.entries()) {
    await agent.agent('--name', ['c', 'd'][i] ?? '', '--servers', link, '--join-token-file', token)
    await until(numbered, (names) => names.length === i + 2)
  }
  expect(await numbered()).toEqual(['1 a', '2 c', '3 d'])

  await gantry.end('SIGTERM')
  expect(await gantry.run('backup', 'restore', made.path, '--replace', '--yes')).toMatchObject({ code: 0 })
  await gantry.up('--name', 'a', '--link', link)
  await cluster.agent.agent('--name', 'b', '--servers', link)
  const names = await until(numbered, (found) => found.length === 4)
  expect(names.slice(0, 2)).toEqual(['1 a', '2 b'])
  expect(names.map((name) => name.split(' ')[1]).sort()).toEqual(['a', 'b', 'c', 'd'])
  const certified = await gantry.json<AuthorityView>('authority', 'show')
  expect(certified.nodes.map(({ nodeId }) => nodeId).sort()).toEqual([1, 2, 3, 4])
})

test('a damaged state file is recovered from what can be read of it', async () => {
  const cluster = await aCluster()
  const { gantry, link } = cluster.server
  const pids = await pidsOf(gantry, 'web')
  await gantry.end('SIGTERM')
  const path = join(gantry.dataDir, 'state.db')
  expect(await gantry.run('recover')).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing to recover') })
  damageOneEvent(path)
  await expect(gantry.up('--name', 'a', '--link', link)).rejects.toThrow('ended with 78')
  const recovered = await gantry.run('recover', '--yes')
  expect(recovered).toMatchObject({ code: 0, stderr: expect.stringContaining('1 are damaged (event/') })
  await gantry.up('--name', 'a', '--link', link)
  await attached(cluster, 2)
  expect(await pidsOf(gantry, 'web')).toEqual(pids)
  expect(alive(pids)).toEqual(pids)
})

etcdTests(() => {
  test('a cluster on SQLite becomes one on etcd by one command, and nothing that runs is restarted', async () => {
    const etcd = await anEtcd()
    const cluster = await aCluster()
    const { gantry, link } = cluster.server
    const pids = await pidsOf(gantry, 'web')
    const where = ['--to', 'etcd', '--etcd-endpoints', etcd.address, '--backend-namespace', 'shop']
    expect(await gantry.run('store', 'move', ...where, '--yes')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('uses this data directory'),
    })
    await gantry.end('SIGKILL')
    const { storeRevision, incarnation } = await planned(gantry, where)
    expect(incarnation).toEqual({ before: 1, after: 2 })
    const moved = await gantry.run('store', 'move', ...where, '--yes')
    expect(moved).toMatchObject({ code: 0, stderr: expect.stringContaining('--backend-type etcd') })
    expect(await gantry.run('store', 'move', ...where, '--yes')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('had been moved already'),
    })

    await expect(gantry.up('--name', 'a', '--link', link)).rejects.toThrow('ended with 78')
    const store = ['--backend-type', 'etcd', '--etcd-endpoints', etcd.address, '--backend-namespace', 'shop']
    await gantry.up('--name', 'a', '--link', link, ...store)
    await attached(cluster, 2)
    const view = await gantry.json<ClusterView>('cluster')
    expect(view).toMatchObject({ cluster: { id: cluster.id, incarnation: 2 }, store: 'etcd' })
    expect(view.storeRevision).toBeGreaterThan(storeRevision)
    expect(await pidsOf(gantry, 'web')).toEqual(pids)
    expect(alive(pids)).toEqual(pids)
    // History has come along.
    const events = await gantry.json<{ kind: string }[]>('events')
    expect(events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['cluster.created', 'cluster.incarnation']))
    expect(await gantry.run('service', 'scale', 'web', '5')).toMatchObject({ code: 0 })
  })
})

async function planned(
  gantry: Gantry,
  where: readonly string[],
): Promise<{ storeRevision: number; incarnation: { before: number; after: number } }> {
  return gantry.json('store', 'move', ...where, '--plan')
}
