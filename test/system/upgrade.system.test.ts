import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ClusterView, TaskView } from '../../src/core/model/view.ts'
import { etcdTests, sharedEtcd } from '../stores/etcd-tests.ts'
import { type Gantry, until } from './gantry.ts'
import { aMachine, aServer, aToken, leaderOf, readyNodes, WEB } from './machines.ts'
import { buildNextProgram, NEXT_VERSION } from './next-program.ts'

etcdTests(() => {
  const etcd = sharedEtcd()

  test('servers and agents get a new version in any order, nothing restarts, and then there is no way back', async () => {
    const next = await buildNextProgram()
    const store = ['--backend-type', 'etcd', '--etcd-endpoints', etcd().address, '--leader-ttl', '6s']
    const first = await aServer('a', store)
    const joining = ['--servers', first.link, '--join-token-file']
    const second = await aServer('b', store, ...joining, await aToken(first.gantry, '--role', 'server'))
    const third = await aMachine()
    const asAgent = ['--name', 'c', '--servers', `${first.link},${second.link}`]
    await third.agent(...asAgent, '--join-token-file', await aToken(first.gantry))
    await until(
      () => readyNodes(first.gantry),
      (names) => names.join() === 'a,b,c',
    )
    writeFileSync(join(first.gantry.dataDir, 'web.yaml'), WEB)
    const config = join(first.gantry.dataDir, 'web.yaml')
    expect(await first.gantry.run('apply', '--yes', '--config', config)).toMatchObject({ code: 0 })
    const tasks = await first.gantry.json<TaskView[]>('tasks')

    // The new program says the order; the agent first is an order too.
    const upgrade = async (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> => {
      const { program } = second.gantry
      second.gantry.program = next
      const ended = await second.gantry.run('upgrade', ...args)
      second.gantry.program = program
      return ended
    }
    const planned = await upgrade()
    expect(planned.code).toBe(10)
    expect(planned.stdout).toMatch(/1\. node 2 {2}b .*\n.*\n +2\. node 1 {2}a .*\n.*\n +3\. node 3 {2}c /)

    const restart = async (gantry: Gantry, ...args: string[]): Promise<void> => {
      await gantry.end('SIGTERM')
      gantry.program = next
      await (args[0] === 'agent' ? gantry.agent(...args.slice(1)) : gantry.up(...args))
    }
    await restart(third, 'agent', ...asAgent)
    await restart(first.gantry, '--name', 'a', '--link', first.link, ...store)
    await until(
      () => readyNodes(second.gantry),
      (names) => names.length === 3,
    )
    // Both versions work together, whoever leads.
    expect(await second.gantry.run('service', 'scale', 'web', '4')).toMatchObject({ code: 0 })
    expect(await upgrade('--yes')).toMatchObject({ code: 10, stdout: expect.stringContaining('node 2  b') })

    await restart(second.gantry, '--name', 'b', '--link', second.link, ...store)
    await until(
      () => readyNodes(second.gantry),
      (names) => names.length === 3,
    )
    expect(await leaderOf(first.gantry)).toBe('a')
    expect(await upgrade('--wait', '--yes', '--timeout', '90s')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('The cluster is at level 2'),
    })
    expect((await first.gantry.json<ClusterView>('cluster')).cluster.level).toBe(2)
    expect(await upgrade()).toMatchObject({ code: 0, stdout: `Every machine runs ${NEXT_VERSION}.\n` })

    const after = await second.gantry.json<TaskView[]>('tasks')
    for (const { id, startedAt } of tasks) expect(after.find((task) => task.id === id)).toMatchObject({ startedAt })

    // The version before does not know what is written now.
    await second.gantry.end('SIGTERM')
    second.gantry.program = join(process.cwd(), 'dist', 'gantry.cjs')
    const back = await second.gantry.run('up', '--name', 'b', '--link', second.link, ...store)
    expect(back).toMatchObject({ code: 78, stderr: expect.stringContaining('the cluster is at level 2') })
    second.gantry.program = next
    await second.gantry.up('--name', 'b', '--link', second.link, ...store)
    expect(await second.gantry.run('destroy', '--yes')).toMatchObject({ code: 0 })
  })
})
