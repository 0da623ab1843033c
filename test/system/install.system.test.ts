import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { MachineCheck } from '../../src/core/install/judge-machine.ts'
import { INSTALL_STEPS } from '../../src/core/install/record.ts'
import type { NodeView, TaskView } from '../../src/core/model/view.ts'
import { until } from './gantry.ts'
import { type Installs, interrupt, someInstalls } from './installs.ts'
import { WEB } from './machines.ts'

const nodesOf = ({ gantry, volume }: Installs, server: string): Promise<NodeView[]> =>
  gantry.json<NodeView[]>('nodes', '--data', volume(server))

test('agents that are installed before the server wait for it, and all get small ids of their own', async () => {
  const all = await someInstalls()
  const { gantry, volume } = all
  const agents = ['a', 'b', 'c', 'd']
  const installing = agents.map((name) => all.install(name, '--placement', 'edge', '--region', 'eu', '--label', 'x=1'))
  await until(
    async () => agents.every((name) => existsSync(join(volume(name), 'join.secret'))),
    (waiting) => waiting,
  )
  const server = await all.installServer('s')
  expect(server).toMatchObject({ code: 0, stdout: '[1] Node installed\n' })
  for (const { code, stderr } of await Promise.all(installing)) expect({ code, stderr }).toMatchObject({ code: 0 })
  const nodes = await nodesOf(all, 's')
  expect(nodes.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
  expect(
    nodes
      .slice(1)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(agents)
  expect(nodes[1]).toMatchObject({ status: 'ready', placement: 'edge', region: 'eu', labels: { x: '1' } })
  for (const name of ['join.secret', 'gantry.yaml', 'install.json', 'gantry.log', 'identity/node.key'])
    expect(statSync(join(volume('a'), name)).mode & 0o077).toBe(0)

  // The same again changes nothing, something else is refused.
  const before = readFileSync(join(volume('a'), 'install.json'), 'utf8')
  const again = await all.install('a', '--placement', 'edge', '--region', 'eu', '--label', 'x=1')
  expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\[\d\] Node is installed already\n$/) })
  expect(await all.install('a', '--placement', 'core')).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('node.placement: edge → core'),
  })
  expect(readFileSync(join(volume('a'), 'install.json'), 'utf8')).toBe(before)

  // What is uninstalled is gone, and its id is free.
  writeFileSync(join(volume('s'), 'web.yaml'), WEB.replace('replicas: 3', 'replicas: 5'))
  const config = join(volume('s'), 'web.yaml')
  expect(await gantry.run('apply', '--data', volume('s'), '--yes', '--config', config)).toMatchObject({ code: 0 })
  const second = nodes[1]?.name ?? ''
  const ran = (await gantry.json<TaskView[]>('tasks', '--data', volume('s'))).find(({ node }) => node === 2)?.id ?? ''
  const removed = await all.uninstall(second)
  expect(removed).toMatchObject({ code: 0, stdout: '[2] Node uninstalled\n' })
  expect(removed.stderr).toContain(`stopped and removed: ${ran}`)
  expect(all.leftOf(second)).toEqual([])
  expect((await nodesOf(all, 's')).map(({ id }) => id)).toEqual([1, 3, 4, 5])
  const tasks = await gantry.json<TaskView[]>('tasks', '--data', volume('s'))
  expect(tasks.filter(({ node, state }) => node === 2 && state === 'running')).toEqual([])
  expect(await all.install(second)).toMatchObject({ code: 0, stdout: '[2] Node installed\n' })
  const last = await all.uninstall('s')
  expect(last).toMatchObject({ code: 0, stderr: expect.stringContaining('the cluster: this is its only server') })
  expect(all.leftOf('s')).toEqual([])
})

test('an install that is interrupted is taken back, by itself or by the next one', async () => {
  const all = await someInstalls()
  const { gantry, volume, secret, seed } = all
  const words = ['install', '--seeds', seed, '--token-file', secret, '--role', 'agent', '--name', 'a']
  const interrupted = async (signal: NodeJS.Signals): Promise<number | null> => {
    const child = spawn(process.execPath, [join('dist', 'gantry.cjs'), ...words, '--volume', volume('a')], {
      env: gantry.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString()
      if (said.includes('Waiting') && !child.killed) child.kill(signal)
    })
    const [code] = (await once(child, 'exit')) as [number | null]
    return code
  }
  expect(await interrupted('SIGINT')).toBe(130)
  expect(all.leftOf('a')).toEqual([])
  expect(await interrupted('SIGTERM')).toBe(143)
  expect(all.leftOf('a')).toEqual([])
  expect(await interrupted('SIGKILL')).toBeNull()
  expect(all.leftOf('a')).toEqual([volume('a')])
  expect(await all.uninstall('a')).toMatchObject({ code: 0, stderr: expect.stringContaining('was interrupted') })
  expect(all.leftOf('a')).toEqual([])

  // A loss of power after each step.
  for (const step of INSTALL_STEPS) {
    expect(await all.install('a', '--no-start')).toMatchObject({ code: 0 })
    interrupt(volume('a'), step)
    expect(await all.uninstall('a')).toMatchObject({ code: 0 })
    expect(all.leftOf('a')).toEqual([])
  }
  mkdirSync(`${volume('a')}.installing`)
  expect(await all.install('a', '--no-start')).toMatchObject({ code: 0 })
  expect(all.leftOf('a')).toEqual([volume('a')])
})

test('a node that has joined and was not finished is removed from the cluster, and a directory that was there stays', async () => {
  const all = await someInstalls()
  const { volume } = all
  expect(await all.installServer('s')).toMatchObject({ code: 0 })
  mkdirSync(volume('a'))
  expect(await all.install('a')).toMatchObject({ code: 0, stdout: '[2] Node installed\n' })
  interrupt(volume('a'), 'ready')
  const again = await all.install('a')
  expect(again).toMatchObject({ code: 0, stdout: '[2] Node installed\n' })
  expect(again.stderr).toContain('was interrupted')
  expect((await nodesOf(all, 's')).map(({ id, name }) => [id, name])).toEqual([
    [1, 's'],
    [2, 'a'],
  ])
  mkdirSync(join(volume('a'), 'volumes', 'db'), { recursive: true })
  expect(await all.uninstall('a', '--keep-data')).toMatchObject({ code: 0 })
  expect(readdirSync(volume('a'))).toEqual(['volumes'])
  expect((await nodesOf(all, 's')).map(({ id }) => id)).toEqual([1])
})

test('a wrong secret, a weak one and a directory in use leave nothing behind', async () => {
  const all = await someInstalls()
  const { volume } = all
  expect(await all.installServer('s')).toMatchObject({ code: 0 })
  const file = join(volume('s'), 'guess')
  writeFileSync(file, 'aGuessThatIsNotRight')
  const wrong = await all.install('a', '--token-file', file)
  expect(wrong).toMatchObject({ code: 6, stderr: expect.stringContaining('does not know the cluster secret') })
  writeFileSync(file, 'short')
  expect(await all.install('a', '--token-file', file)).toMatchObject({ code: 2 })
  expect(all.leftOf('a')).toEqual([])
  mkdirSync(volume('b'))
  writeFileSync(join(volume('b'), 'mine'), 'x')
  expect(await all.install('b')).toMatchObject({ code: 4, stderr: expect.stringContaining('something in it already') })
  expect(readdirSync(volume('b'))).toEqual(['mine'])
  expect(await all.uninstall('b')).toMatchObject({ code: 4 })

  // Where no server can be told, that has to be accepted.
  expect(await all.install('a')).toMatchObject({ code: 0 })
  expect(await all.uninstall('s')).toMatchObject({ code: 0 })
  expect(await all.uninstall('a')).toMatchObject({ code: 7, stderr: expect.stringContaining('node 2 would stay') })
  const forced = await all.uninstall('a', '--force')
  expect(forced).toMatchObject({ code: 0, stderr: expect.stringContaining('Left behind: node 2 in the cluster') })
  expect(all.leftOf('a')).toEqual([])
})

test('an installed node is started by its own file, and not uninstalled while somebody else runs it', async () => {
  const all = await someInstalls()
  const { gantry, volume } = all
  expect(await all.installServer('s')).toMatchObject({ code: 0 })
  expect(await all.installServer('s', '--region', 'a', '--region', 'b')).toMatchObject({ code: 2 })
  process.kill(Number(readFileSync(join(volume('s'), 'gantry.pid'), 'utf8')), 'SIGTERM')
  await until(
    async () => existsSync(join(volume('s'), 'gantry.sock')),
    (isThere) => !isThere,
  )
  await gantry.up('--data', volume('s'))
  onTestFinished(() => void gantry.end('SIGKILL'))
  expect(await nodesOf(all, 's')).toMatchObject([{ id: 1, name: 's' }])
  expect(await all.uninstall('s')).toMatchObject({ code: 5, stderr: expect.stringContaining('Gantry runs on this') })
  expect(existsSync(join(volume('s'), 'state.db'))).toBe(true)
  await gantry.end('SIGTERM')
})

test('what does not fit is shown before anything is done', async () => {
  const all = await someInstalls()
  const { seed } = all
  const fits = await all.installServer('s', '--check', '--json')
  expect(fits).toMatchObject({ code: 0 })
  const checks = JSON.parse(fits.stdout) as MachineCheck[]
  expect(checks.map(({ check }) => check)).toEqual(
    expect.arrayContaining([
      'user',
      'clock',
      'engine',
      'kernel',
      'VXLAN',
      'addresses',
      'disk',
      `port ${seed.split(':')[1]}/tcp`,
    ]),
  )
  const squatter = createServer().listen(Number(seed.split(':')[1]), '127.0.0.1')
  await once(squatter, 'listening')
  onTestFinished(() => void squatter.close())
  expect(await all.installServer('s', '--check')).toMatchObject({ code: 4, stdout: expect.stringContaining('fail') })
  expect(await all.installServer('s')).toMatchObject({ code: 4, stderr: expect.stringContaining('does not fit') })
  const unit = await all.install('a', '--print-unit')
  expect(unit.stdout).toContain(`agent --config ${all.volume('a')}/gantry.yaml\n`)
  expect(all.leftOf('s')).toEqual([])
  expect(all.leftOf('a')).toEqual([])
})
