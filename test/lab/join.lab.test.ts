import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ClusterView } from '../../src/core/model/view.ts'
import { until } from '../system/gantry.ts'
import { labTests } from './lab-tests.ts'

labTests((start) => {
  test('a machine with nothing but a token finds the server on its network, and joins', async () => {
    const lab = await start({ hosts: 2 })
    const [server, machine] = [lab.host(1), lab.host(2)]
    await server.up('--name', 'one', '--cluster-name', 'shop', '--link', server.address, '--discovery')
    const { stdout } = await server.gantry('join-token', 'create')
    const token = join(lab.directory, 'token')
    writeFileSync(token, stdout, { mode: 0o600 })
    const joining = ['agent', '--name', 'two', '--join-token-file', token, '--address', machine.address]
    await machine.start([...joining, '--cluster-name', 'shop'], 'Gantry is up')
    const { nodes } = await until(
      () => server.json<ClusterView>('cluster'),
      (view) => view.nodes.filter(({ status }) => status === 'ready').length === 2,
    )
    expect(nodes.map(({ id, name }) => [id, name])).toEqual([
      [1, 'one'],
      [2, 'two'],
    ])
    // The next start needs neither the token nor the search.
    await machine.restartGantry()
    await until(
      () => server.json<ClusterView>('cluster'),
      (view) => view.nodes.every(({ status }) => status === 'ready'),
    )
  })
})
