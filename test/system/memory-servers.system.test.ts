import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Gantry, until } from './gantry.ts'
import { WEB } from './machines.ts'
import { memoryServers, standing } from './memory-servers.ts'

const ALL_READY = ['s1:ready', 's2:ready', 's3:ready']

async function allSay(servers: readonly Gantry[], leader: string, nodes: readonly string[] | null): Promise<void> {
  for (const server of servers) {
    await until(
      () => standing(server).catch(() => ({ leader: '', nodes: [] as readonly string[] })),
      (seen) => seen.leader === leader && (nodes === null || seen.nodes.join() === nodes.join()),
    )
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
  expect((await s3.run('node', 'label', 's3', 'disk=ssd', '--yes')).code).toBe(0)

  await memory.up(0)
  await allSay([s1, s2, s3], 's1', ALL_READY)
})
