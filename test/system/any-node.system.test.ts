import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ClusterMetrics } from '../../src/cli/render/metrics.ts'
import type { Event } from '../../src/core/model/event.ts'
import type { NodeView, TaskView } from '../../src/core/model/view.ts'
import { etcdTests, sharedEtcd } from '../stores/etcd-tests.ts'
import { type Gantry, tokenOf, until } from './gantry.ts'
import { aMachine, aServer, aToken, readyNodes, type ServerMachine, WEB } from './machines.ts'

/** Says what it was called with, on both streams; `docker wait` does not end by itself. */
const DOCKER = `#!/bin/sh
echo "ran: $*"
echo "engine $DOCKER_HOST" >&2
case $1 in
  fail) exit "$2" ;;
  wait) sleep 1000 ;;
esac
`

/** A program called docker, first on the path. */
function fakeDocker(machine: Gantry): void {
  const bin = join(machine.dataDir, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'docker'), DOCKER)
  chmodSync(join(bin, 'docker'), 0o755)
  machine.env['PATH'] = `${bin}:${machine.env['PATH']}`
  machine.env['GANTRY_RUNTIME'] = 'process,docker'
  machine.env['DOCKER_HOST'] = 'unix:///nowhere/docker.sock'
}

etcdTests(() => {
  const etcd = sharedEtcd()

  let namespaces = 0
  /** A server that leads, one that follows, and a machine that is no server. */
  async function aCluster(): Promise<{ leader: ServerMachine; follower: ServerMachine; worker: Gantry }> {
    const store = ['--backend-type', 'etcd', '--etcd-endpoints', etcd().address, '--leader-ttl', '6s']
    store.push('--backend-namespace', `any${++namespaces}`)
    const leader = await aServer('a', store)
    const joining = ['--servers', leader.link, '--join-token-file', await aToken(leader.gantry, '--role', 'server')]
    const follower = await aServer('b', store, ...joining)
    const worker = await aMachine()
    fakeDocker(worker)
    // Go Orchestrator's form: nothing listens on the usual port beside that address, so it is itself the link.
    const master = ['--master-url', `http://${leader.link}`, '--token-file', await aToken(leader.gantry)]
    await worker.agent('--name', 'c', '--servers', follower.link, ...master)
    await until(
      () => readyNodes(leader.gantry),
      (names) => names.join() === 'a,b,c',
    )
    return { leader, follower, worker }
  }

  test('every command works from any node; an agent’s machine without a token shows how things are and nothing else', async () => {
    const { leader, follower, worker } = await aCluster()
    for (const command of ['nodes', 'cluster', 'leader', 'health', 'services', 'tasks', 'metrics'])
      expect(await worker.run(command)).toMatchObject({ code: 0 })
    expect((await worker.json<ClusterMetrics>('metrics')).nodes.map(({ why }) => why)).toEqual(['', '', ''])
    expect((await worker.json<NodeView[]>('nodes')).map(({ role }) => role)).toEqual(['leader', 'server', 'agent'])
    for (const words of [
      ['revisions'],
      ['events'],
      ['logs', 'web'],
      ['exec', 'web.1.1', '--', 'id'],
      ['node', 'drain', '1'],
      ['join-token', 'ls'],
      ['docker', 'ps'],
    ]) {
      const { code, stderr } = await worker.run(...words)
      expect([words.join(' '), code]).toEqual([words.join(' '), 6])
      expect(stderr).toContain('keep a copy of a server’s file `token` in the data directory here')
    }

    const kept = join(worker.dataDir, 'token')
    copyFileSync(join(leader.gantry.dataDir, 'token'), kept)
    chmodSync(kept, 0o600)
    for (const machine of [follower.gantry, worker]) {
      const manifest = join(machine.dataDir, 'web.yaml')
      writeFileSync(manifest, WEB)
      expect(await machine.run('plan', '--config', manifest)).toMatchObject({ code: 0 })
      expect(await machine.run('apply', '--yes', '--config', manifest)).toMatchObject({ code: 0 })
      const [task] = await machine.json<TaskView[]>('tasks', 'web')
      const id = task?.id ?? ''
      const reads = [
        'nodes',
        'nodes a',
        'cluster',
        'services web',
        `explain ${id}`,
        'events',
        'revisions',
        'revisions 1',
        'join-token ls',
      ]
      for (const words of [
        ...reads,
        'logs web',
        'service restart web',
        'service scale web 2',
        'node label a disk=ssd --yes',
      ])
        expect([words, (await machine.run(...words.split(' '))).code]).toEqual([words, 0])
      const running = await until(
        () => machine.json<TaskView[]>('tasks', 'web'),
        (tasks) => tasks.length === 2 && tasks.every(({ ready }) => ready),
      )
      const said = await machine.run('exec', running[0]?.id ?? '', '--', 'sh', '-c', 'echo hello; exit 3')
      expect(said).toMatchObject({ code: 3, stdout: 'hello\n' })
      expect(await machine.run('destroy', '--yes')).toMatchObject({ code: 0 })
    }
  })

  test('a command of Docker runs where it is to, each line with its node, and is on record without its secrets', async () => {
    const { leader, follower, worker } = await aCluster()
    const { gantry } = follower
    const ran = await gantry.run('docker', 'run', '-e', 'PASSWORD=hush', 'x')
    expect(ran).toEqual({
      code: 0,
      stdout: '[c] ran: run -e PASSWORD=hush x\n',
      stderr: '[c] engine unix:///nowhere/docker.sock\n',
    })
    const recorded = (await gantry.json<Event[]>('events')).findLast(({ kind }) => kind === 'docker.run')
    expect(recorded).toMatchObject({
      object: 'node/3',
      message: '`docker run -e PASSWORD=*** x` was run on node 3',
      by: 'local user',
    })
    worker.env['GANTRY_TOKEN'] = tokenOf(leader.gantry)
    expect(await worker.run('docker', 'fail', '7', '--nodes', 'c')).toMatchObject({
      code: 7,
      stdout: '[c] ran: fail 7\n',
    })
    const all = await gantry.run('docker', '--nodes=all', '--', 'ps', '--all')
    expect(all).toMatchObject({ code: 4, stdout: '[c] ran: ps --all\n' })
    expect(all.stderr).toContain('[a] Error: this node does not run Docker for the cluster')
    expect(await gantry.run('docker', '--nodes', 'nobody', 'ps')).toMatchObject({ code: 1 })
    expect(await gantry.run('docker', '--timeout', '5s', 'wait')).toMatchObject({ code: 143 })

    // Without any server the machine says so.
    await follower.gantry.end('SIGKILL')
    await leader.gantry.end('SIGKILL')
    const { code, stderr } = await worker.run('nodes')
    expect(code).toBe(7)
    expect(stderr).toContain('no server can be reached from this machine')
  })
})
