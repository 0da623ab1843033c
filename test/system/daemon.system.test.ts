import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { TaskView } from '../../src/core/model/view.ts'
import { type Gantry, until } from './gantry.ts'
import { aMachine, apply, aServer, aToken, readyNodes } from './machines.ts'

const pidFile = ({ dataDir }: Gantry): string => join(dataDir, 'gantry.pid')
const pidOf = (gantry: Gantry): number => Number(readFileSync(pidFile(gantry), 'utf8'))

/** Ends what runs in the background, if it is there, and resolves when it has said that it is gone. */
async function end(gantry: Gantry, signal: NodeJS.Signals): Promise<void> {
  if (!existsSync(pidFile(gantry))) return
  process.kill(pidOf(gantry), signal)
  await until(
    async () => existsSync(pidFile(gantry)),
    (isThere) => !isThere,
  )
}

async function aDaemon(): Promise<Gantry> {
  const gantry = await aMachine()
  onTestFinished(() => end(gantry, 'SIGINT'))
  return gantry
}

/** Runs a command that finds a text in its standard input, and resolves with its exit code. */
async function runWith(input: string, { program, env }: Gantry, ...words: string[]): Promise<number | null> {
  const child = spawn(process.execPath, [program, ...words], { env, stdio: ['pipe', 'ignore', 'ignore'] })
  child.stdin.end(input)
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}

test('a server in the background is one process, which its pid file ends, and whose tasks go on or are stopped', async () => {
  const gantry = await aDaemon()
  const started = await gantry.run('up', '-d')
  expect(started).toMatchObject({ code: 0, stdout: '' })
  expect(started.stderr).toContain(`Gantry runs in the background, as process ${pidOf(gantry)}.`)
  expect(statSync(join(gantry.dataDir, 'gantry.log')).mode & 0o777).toBe(0o600)
  await apply(gantry)
  const before = await gantry.json<TaskView[]>('tasks')

  const first = pidOf(gantry)
  const again = await gantry.run('up', '--daemon')
  expect(again).toMatchObject({ code: 4, stderr: expect.stringContaining('another program listens on') })
  expect(pidOf(gantry)).toBe(first)

  await end(gantry, 'SIGTERM')
  expect(await gantry.run('tasks')).toMatchObject({ code: 7 })
  expect(await gantry.run('up', '--daemon')).toMatchObject({ code: 0 })
  expect(pidOf(gantry)).not.toBe(first)
  const ids = (tasks: readonly TaskView[]): unknown =>
    tasks.map(({ id, containerId, startedAt }) => [id, containerId, startedAt])
  expect(ids(await gantry.json<TaskView[]>('tasks'))).toEqual(ids(before))
  await end(gantry, 'SIGINT')
  expect(readFileSync(join(gantry.dataDir, 'gantry.log'), 'utf8')).toContain('Stopping tasks')
})

test('what keeps a server from coming up in the background is said, with its exit code', async () => {
  const gantry = await aDaemon()
  const other = createServer().listen(gantry.port, '127.0.0.1')
  onTestFinished(() => void other.close())
  const { code, stderr } = await gantry.run('up', '-d')
  expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining('another program listens on') })
  expect(existsSync(pidFile(gantry))).toBe(false)
  const manifest = join(gantry.dataDir, 'bad.yaml')
  writeFileSync(manifest, 'services: 7\n')
  expect(await gantry.run('up', '-d', '--first', manifest)).toMatchObject({ code: 3 })
})

test('an agent in the background has joined when the command returns', async () => {
  const server = await aServer('s', [])
  const agent = await aDaemon()
  const wrong = join(agent.dataDir, 'wrong')
  writeFileSync(wrong, readFileSync(await aToken(server.gantry), 'utf8').replace(/[a-z2-7]{4}\n/, 'aaaa\n'), {
    mode: 0o600,
  })
  const words = ['agent', '-d', '--name', 'w', '--servers', server.link, '--join-token-file']
  expect(await agent.run(...words, wrong)).toMatchObject({ code: 6 })
  const token = await aToken(server.gantry)
  expect(await agent.run(...words, token)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('node 2 of cluster'),
  })
  await until(
    () => readyNodes(server.gantry),
    (names) => names.join() === 's,w',
  )
})

test('what comes by standard input reaches the process in the background, and nobody else can read it there', async () => {
  const server = await aServer('s', [])
  const agent = await aDaemon()
  const token = readFileSync(await aToken(server.gantry), 'utf8')
  const words = ['agent', '-d', '--name', 'w', '--servers', server.link, '--join-token-file', '-']
  expect(await runWith('no token', agent, ...words)).not.toBe(0)
  expect(await runWith(token, agent, ...words)).toBe(0)
  for (const shown of ['cmdline', 'environ'])
    expect(readFileSync(`/proc/${pidOf(agent)}/${shown}`, 'utf8')).not.toContain(token.trim())
  await until(
    () => readyNodes(server.gantry),
    (names) => names.join() === 's,w',
  )
  const alone = await aDaemon()
  expect(await runWith('services: { web: { command: [sleep, "1000"] } }', alone, 'up', '-d', '--first', '-')).toBe(0)
  expect(await alone.json<TaskView[]>('tasks')).toMatchObject([{ service: 'web' }])
}, 60_000)
