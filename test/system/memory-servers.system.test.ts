import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { NodeView } from '../../src/core/model/view.ts'
import { freePort } from '../free-port.ts'
import { type Gantry, tokenOf, until } from './gantry.ts'
import { aMachine, aServer, aToken, WEB } from './machines.ts'
import { memoryServers, standing } from './memory-servers.ts'

const ALL_READY = ['s1:ready', 's2:ready', 's3:ready']

async function allSay(servers: readonly Gantry[], leader: string, nodes: readonly string[] | null): Promise<void> {
  for (const server of servers) {
    await until(
      () => said(server),
      (seen) => seen.leader === leader && (nodes === null || seen.nodes.join() === nodes.join()),
    )
  }
}

interface Status {
  readonly data: {
    readonly node_id: string
    readonly is_leader: boolean
    readonly cluster_state: { readonly leader: string }
  }
}

interface Nodes {
  readonly data: { readonly items: readonly { readonly id: string; readonly is_leader: boolean }[] }
}

/** Nobody and nothing while the server has nobody to ask. */
const said = (server: Gantry): ReturnType<typeof standing> =>
  standing(server).catch(() => ({ leader: '', nodes: [] as readonly string[] }))

/** What GoCluster's programs ask says the same on every server, and never of two leaders. */
async function sameByApi(servers: readonly Gantry[], leader: string): Promise<void> {
  for (const server of servers) {
    const get = async <T>(path: string): Promise<T> => {
      const headers = { authorization: `Bearer ${tokenOf(server)}` }
      return (await (await fetch(`http://127.0.0.1:${server.port}${path}`, { headers })).json()) as T
    }
    const { data: status } = await get<Status>('/api/status')
    expect(status.cluster_state.leader).toBe(leader)
    expect(status.is_leader).toBe(status.node_id === leader)
    const { data } = await get<Nodes>('/api/nodes')
    expect(data.items.filter(({ is_leader }) => is_leader).map(({ id }) => id)).toEqual([leader])
  }
}

test('servers that keep the state in memory follow the lowest id: killed the next one leads, back it leads again', async () => {
  const memory = await memoryServers(3)
  const [s1, s2, s3] = memory.servers as [Gantry, Gantry, Gantry]
  const first = memory.up(0)
  const second = memory.up(1)
  await first
  await memory.allow(s1, 2)
  await second
  await memory.up(2)
  await allSay([s1, s2, s3], 's1', ALL_READY)

  const manifest = join(s2.dataDir, 'web.yaml')
  writeFileSync(manifest, WEB)
  for (const words of [
    ['plan', '--config', manifest],
    ['apply', '--yes', '--config', manifest],
    ['task', 'run', '--name', 'job', 'busybox'],
  ]) {
    const refused = await s2.run(...words)
    expect({ words, ...refused }).toMatchObject({ code: 4, stderr: expect.stringContaining('managed-etcd') })
  }

  await s1.end('SIGKILL')
  await allSay([s2, s3], 's2', null)
  await sameByApi([s2, s3], 's2')
  expect((await s3.run('node', 'label', 's3', 'disk=ssd', '--yes')).code).toBe(0)

  await memory.up(0)
  await allSay([s1, s2, s3], 's1', ALL_READY)
  await sameByApi([s1, s2, s3], 's1')
  expect((await s2.json<NodeView[]>('nodes')).find(({ name }) => name === 's3')?.labels).toEqual({ disk: 'ssd' })
})

test('servers with one secret start in any order, are unreachable while they are silent, and come back when all had ended', async () => {
  const memory = await memoryServers(3)
  const [s1, s2, s3] = memory.servers as [Gantry, Gantry, Gantry]
  const everybody = [s1, s2, s3]
  memory.writeToken('OneSecretForAllOfThem7')
  const up = (index: number): Promise<void> =>
    (index === 1 ? memory.upByFile : memory.up)(index, '--failure-detection', 'fast')
  const others = [up(2), up(1)]
  await until(
    async () => s3.output.text,
    (text) => text.includes('Waiting'),
  )
  await Promise.all([...others, up(0)])
  await until(
    () => said(s3),
    ({ nodes }) => nodes.filter((node) => node.endsWith(':ready')).length === 3,
  )
  await allSay(everybody, 's1', null)
  await sameByApi(everybody, 's1')

  // The leader hangs: the next lowest id leads, and gives the lead back.
  const { nodes } = await standing(s3)
  const next = nodes[1]?.replace(':ready', '') ?? ''
  const rest = everybody.slice(1)
  s1.process?.kill('SIGSTOP')
  await allSay(rest, next, null)
  await until(
    () => said(rest[0] ?? s2),
    (seen) => seen.nodes.includes('s1:unreachable'),
  )
  s1.process?.kill('SIGCONT')
  await allSay(everybody, 's1', nodes)

  for (const server of everybody) await server.end('SIGKILL')
  await Promise.all([up(2), up(1), up(0)])
  await allSay(everybody, 's1', nodes)
})

test('a server with a store of its own cannot join others', async () => {
  const first = await aServer('s1', ['--backend-type', 'sqlite'])
  const other = await aMachine()
  const link = `127.0.0.1:${await freePort()}`
  const token = await aToken(first.gantry, '--role', 'server')
  const joining = other.up('--name', 's2', '--link', link, '--servers', first.link, '--join-token-file', token)
  await expect(joining).rejects.toThrow('ended with 4: Error: cannot join as a server')
  expect(existsSync(join(other.dataDir, 'identity'))).toBe(false)
  const first4 = await memoryServers(2)
  writeFileSync(join(other.dataDir, 'web.yaml'), WEB)
  await expect(first4.up(0, '--first', join(other.dataDir, 'web.yaml'))).rejects.toThrow('ended with 4')
})
