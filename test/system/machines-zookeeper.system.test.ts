import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TaskView } from '../../src/core/model/view.ts'
import { TestZooKeeper } from '../stores/zookeeper.ts'
import { zookeeperTests } from '../stores/zookeeper-tests.ts'
import { until } from './gantry.ts'
import { aServer, aToken, leaderOf, readyNodes, WEB } from './machines.ts'

zookeeperTests(() => {
  let zookeeper: TestZooKeeper
  beforeAll(async () => {
    zookeeper = await TestZooKeeper.start()
  })
  afterAll(() => zookeeper.stop())

  test('servers that share ZooKeeper lead one after the other, and their tasks go on', async () => {
    const store = ['--backend-type', 'zookeeper', '--zk-hosts', zookeeper.host, '--zk-timeout', '4s']
    const first = await aServer('a', store)
    const token = await aToken(first.gantry, '--role', 'server')
    const second = await aServer('b', store, '--servers', first.link, '--join-token-file', token)
    await until(
      () => readyNodes(first.gantry),
      (names) => names.join() === 'a,b',
    )
    const manifest = join(first.gantry.dataDir, 'web.yaml')
    writeFileSync(manifest, WEB)
    expect(await second.gantry.run('apply', '--yes', '--config', manifest)).toMatchObject({ code: 0 })
    const before = await second.gantry.json<TaskView[]>('tasks')
    await first.gantry.end('SIGKILL')
    await until(
      () => leaderOf(second.gantry),
      (leader) => leader === 'b',
    )
    await first.gantry.up('--name', 'a', '--link', first.link, ...store)
    await until(
      () => readyNodes(second.gantry),
      (names) => names.join() === 'a,b',
    )
    const after = await until(
      () => second.gantry.json<TaskView[]>('tasks'),
      (tasks) => tasks.length === 3 && tasks.every(({ ready }) => ready),
    )
    expect(after.map(({ id, startedAt }) => [id, startedAt])).toEqual(
      before.map(({ id, startedAt }) => [id, startedAt]),
    )
    expect(await first.gantry.run('destroy', '--yes')).toMatchObject({ code: 0 })
  })
})
