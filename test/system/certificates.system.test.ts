import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AuthorityView, NodeView, TaskView } from '../../src/core/model/view.ts'
import { describeCertificate } from '../../src/drivers/pki/describe-certificate.ts'
import { etcdTests, sharedEtcd } from '../stores/etcd-tests.ts'
import { type Gantry, until } from './gantry.ts'
import { aMachine, apply, aServer, aToken, readyNodes, type ServerMachine } from './machines.ts'

/** The identity in a machine's certificate. */
function certifiedAs({ dataDir }: Gantry): string {
  return describeCertificate(readFileSync(join(dataDir, 'identity', 'node.crt'), 'utf8')).uri ?? ''
}

function serialOf({ dataDir }: Gantry): string {
  return describeCertificate(readFileSync(join(dataDir, 'identity', 'node.crt'), 'utf8')).serial
}

async function anAgent(server: ServerMachine, name: string): Promise<Gantry> {
  const machine = await aMachine()
  const token = await aToken(server.gantry)
  await machine.agent('--name', name, '--servers', server.link, '--join-token-file', token)
  await until(
    () => readyNodes(server.gantry),
    (names) => names.includes(name),
  )
  return machine
}

/** Kills an agent and waits until its node is unreachable; what it runs goes on. */
async function lose(agent: Gantry, node: number, server: ServerMachine): Promise<void> {
  await agent.end('SIGKILL')
  await until(
    () => server.gantry.json<NodeView>('nodes', String(node)),
    ({ status }) => status === 'unreachable',
  )
}

/** What an agent says that ends by itself. */
async function lastWords(agent: Gantry): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const { code, stderr } = await agent.run('agent')
  return { code, stderr }
}

async function pidsOn(gantry: Gantry): Promise<Record<string, string | null>> {
  const tasks = await gantry.json<TaskView[]>('tasks')
  return Object.fromEntries(tasks.map(({ id, containerId, startedAt }) => [id, `${containerId} ${startedAt}`]))
}

test('a removed machine that comes back is told so, stops what it runs, and ends', async () => {
  const server = await aServer('s', [])
  const agent = await anAgent(server, 'w')
  await apply(server.gantry)
  const onAgent = (await server.gantry.json<TaskView[]>('tasks')).filter(({ node }) => node === 2)
  expect(onAgent.length).toBeGreaterThan(0)
  await lose(agent, 2, server)
  expect(await server.gantry.run('node', 'rm', '2', '--force', '--yes')).toMatchObject({ code: 0 })
  expect(await server.gantry.json<AuthorityView>('authority', 'show')).toMatchObject({
    revoked: 1,
    nodes: [{ nodeId: 1 }],
  })

  const { code, stderr } = await lastWords(agent)
  expect(code).toBe(6)
  expect(stderr).toContain('node 2 (w) was removed from this cluster by')
  expect(stderr).toContain('start it with a new join token')
  // It ends by itself only when nothing is left, and is refused again each time.
  const again = await lastWords(agent)
  expect(again).toMatchObject({ code: 6, stderr: expect.stringContaining('was removed') })
})

test('another machine takes the id of a dead one, and the old certificate opens nothing any more', async () => {
  const server = await aServer('s', [])
  const dead = await anAgent(server, 'old')
  await lose(dead, 2, server)
  expect(await server.gantry.run('node', 'replace', '2', '--yes')).toMatchObject({ code: 0 })
  const heir = await anAgent(server, 'new')
  expect(certifiedAs(heir)).toMatch(/\/agent\/2$/)
  expect(await server.gantry.json<NodeView>('nodes', '2')).toMatchObject({ name: 'new', status: 'ready' })
  const { code, stderr } = await lastWords(dead)
  expect(code).toBe(6)
  expect(stderr).toContain('node 2 (old) was replaced by another machine')
  expect(await server.gantry.json<NodeView>('nodes', '2')).toMatchObject({ name: 'new', status: 'ready' })
})

test('a machine that has joined already takes the id of a dead one, with a certificate for that', async () => {
  const server = await aServer('s', [])
  const dead = await anAgent(server, 'old')
  const heir = await anAgent(server, 'new')
  expect(certifiedAs(heir)).toMatch(/\/agent\/3$/)
  await lose(dead, 2, server)
  expect(await server.gantry.run('node', 'replace', '2', '--with', '3', '--yes')).toMatchObject({
    code: 0,
    stderr: expect.any(String),
  })
  const nodes = await until(
    () => server.gantry.json<NodeView[]>('nodes'),
    (all) => all.length === 2 && all.every(({ status }) => status === 'ready') && /\/agent\/2$/.test(certifiedAs(heir)),
  )
  expect(nodes.map(({ id, name }) => [id, name])).toEqual([
    [1, 's'],
    [2, 'new'],
  ])
  // It is the same node after a new start, too.
  await heir.end('SIGKILL')
  await heir.agent('--name', 'new')
  await until(
    () => readyNodes(server.gantry),
    (names) => names.includes('new'),
  )
  expect(await lastWords(dead)).toMatchObject({ code: 6, stderr: expect.stringContaining('was replaced') })
})

etcdTests(() => {
  const etcd = sharedEtcd()

  test('the authority is changed under two servers and an agent, and nothing is restarted', async () => {
    const store = ['--backend-type', 'etcd', '--etcd-endpoints', etcd().address, '--backend-namespace', 'rotation']
    const first = await aServer('a', store)
    const token = await aToken(first.gantry, '--role', 'server')
    const second = await aServer('b', store, '--servers', first.link, '--join-token-file', token)
    const third = await anAgent(first, 'c')
    await apply(first.gantry)
    const machines = [first.gantry, second.gantry, third]
    const before = await pidsOn(first.gantry)
    const serials = machines.map(serialOf)
    const was = await first.gantry.json<AuthorityView>('authority', 'show')
    const oldToken = await aToken(first.gantry)

    const plan = await first.gantry.run('authority', 'rotate', '--plan')
    expect(plan.stdout).toContain('3 nodes get certificates of it')
    expect(await first.gantry.json<AuthorityView>('authority', 'show')).toEqual(was)
    // A node that is away is waited for, and comes back meanwhile.
    await third.end('SIGKILL')
    const kept = join(first.gantry.dataDir, 'rotation.plan')
    await until(
      () => first.gantry.run('authority', 'rotate', '-o', kept),
      ({ stdout }) => stdout.includes('is away'),
    )
    expect(await first.gantry.run('apply', '--plan', kept, '--detach', '--yes')).toMatchObject({ code: 0 })
    const waiting = await until(
      () => second.gantry.json<AuthorityView>('authority', 'status'),
      ({ waitsFor }) => waitsFor.join() === '3',
    )
    expect(waiting).toMatchObject({ rotation: 'prepared', trusted: [was.signing, expect.any(String)] })
    // Asked for again, it goes on with the change that there is.
    expect(await first.gantry.run('authority', 'rotate', '--yes', '--timeout', '1')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/on the way already.*waits for node 3 \(away\).*gantry authority status/s),
    })
    await third.agent('--name', 'c')
    const now = await until(
      () => first.gantry.json<AuthorityView>('authority', 'show'),
      ({ rotation }) => rotation === 'none',
    )
    expect(now.signing).not.toBe(was.signing)
    expect(now.trusted).toEqual([now.signing])
    expect(now.nodes.every(({ connected, holdsNext }) => connected && holdsNext)).toBe(true)
    for (const [at, machine] of machines.entries()) expect(serialOf(machine)).not.toBe(serials[at])
    // Not a single program was started anew, and each agent is the same process.
    expect(await pidsOn(first.gantry)).toEqual(before)

    const late = await aMachine()
    const refused = await late.run('agent', '--servers', first.link, '--join-token-file', oldToken)
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining('before a change of its authority') })
    await late.agent('--name', 'd', '--servers', second.link, '--join-token-file', await aToken(second.gantry))

    // A server that is started again finds the others, and they it.
    await second.gantry.end('SIGKILL')
    await second.gantry.up('--name', 'b', '--link', second.link, ...store)
    await until(
      () => readyNodes(first.gantry),
      (names) => names.join() === 'a,b,c,d',
    )
    // Once more, by a server that does not lead, and waiting for it.
    expect(await second.gantry.run('authority', 'rotate', '--yes')).toMatchObject({ code: 0 })
    expect((await second.gantry.json<AuthorityView>('authority', 'show')).trusted).not.toContain(now.signing)
    expect(await second.gantry.run('destroy', '--yes')).toMatchObject({ code: 0 })
  })
})
