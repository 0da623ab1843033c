import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  aProcessOrder,
  container,
  createProcess,
  exited,
  isGone,
  logTexts,
  ProcessBed,
  printed,
  startProcess,
} from '../../../test/process-bed.ts'
import type { ContainerSpec } from '../../core/model/service.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'
import { processStat } from './proc.ts'
import type { ProcessRuntime } from './runtime.ts'

let bed: ProcessBed
let runtime: ProcessRuntime

beforeEach(() => {
  bed = new ProcessBed()
  runtime = bed.runtime()
})
afterEach(() => bed.close())

const GRACE = { signal: null, graceMs: 5_000 }

test.each([
  { name: 'a program that succeeds', script: 'exit 0', exitCode: 0 },
  { name: 'a program that fails', script: 'exit 7', exitCode: 7 },
  { name: 'a program that a signal kills', script: 'kill -KILL $$', exitCode: 137 },
])('$name is seen to end with code $exitCode', async ({ script, exitCode }) => {
  const id = await startProcess(runtime, aProcessOrder({ script }))
  expect(await exited(runtime, id)).toMatchObject({ state: 'exited', exitCode, outOfMemory: false, pid: null })
})

test('a created process has not started, and a started one has a pid and a time', async () => {
  const id = await createProcess(runtime, aProcessOrder())
  expect(await runtime.inspect(id)).toMatchObject({ state: 'created', pid: null, startedAt: null, exitCode: null })
  const before = Date.now()
  await runtime.start(id)
  const running = await runtime.inspect(id)
  expect(running).toMatchObject({ id, taskId: 'web.1.1', specHash: 'hash', state: 'running', finishedAt: null })
  expect(running?.startedAt).toBeGreaterThanOrEqual(before - 20)
  expect(processStat(running?.pid ?? 0)?.session).toBe(running?.pid)
})

test('the environment of a program is what was ordered and what is documented, and nothing else', async () => {
  const order = aProcessOrder(
    {
      script: 'tr "\\0" "\\n" </proc/self/environ',
      env: { GREETING: 'hello world', HOST: '127.0.0.1', state: 'kept', PORT: '1' },
      ports: [{ container: 80, host: null, protocol: 'tcp' }],
      mounts: [{ kind: 'data', target: '/data' }],
    },
    { hostPorts: [{ container: 80, host: 20_311, protocol: 'tcp' }] },
  )
  const id = await startProcess(runtime, order)
  await exited(runtime, id)
  const dataDir = join(bed.dataDir, 'volumes', 'web')
  const names = (await logTexts(runtime, id)).filter((line) => !/^(PATH|LANG|PWD|_)=/.test(line)).sort()
  expect(names).toEqual([
    `DATA_DIR=${dataDir}`,
    'GREETING=hello world',
    `HOME=${dataDir}`,
    'HOST=127.0.0.1',
    'PORT=20311',
    'PORT_80=20311',
    'state=kept',
  ])
})

test('a variable whose name a shell would drop is refused before anything is made', async () => {
  const order = aProcessOrder({ env: { 'spring.profile': 'x' } })
  await expect(createProcess(runtime, order)).rejects.toMatchObject({ code: 'RUNTIME_REFUSED' })
  expect(await runtime.list()).toEqual([])
})

test('a program starts with default signals and no input', async () => {
  const script = 'grep -E "^Sig(Ign|Blk)" /proc/self/status; cat; echo end'
  const id = await startProcess(runtime, aProcessOrder({ script }))
  await exited(runtime, id)
  expect(await logTexts(runtime, id)).toEqual(['SigBlk:\t0000000000000000', 'SigIgn:\t0000000000000000', 'end'])
})

test('a data directory outlives its task', async () => {
  const mounts: ContainerSpec['mounts'] = [{ kind: 'data', target: '/data' }]
  const id = await startProcess(runtime, aProcessOrder({ script: 'echo kept >file', mounts }))
  await exited(runtime, id)
  await runtime.remove(id)
  expect(readFileSync(join(bed.dataDir, 'volumes', 'web', 'file'), 'utf8')).toBe('kept\n')
})

test('stopping sends the signal and waits for the program to end by itself', async () => {
  const script = 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.02; done'
  const id = await startProcess(runtime, aProcessOrder({ script }))
  await printed(runtime, id, 'up')
  await runtime.stop(id, GRACE)
  expect(await runtime.inspect(id)).toMatchObject({ state: 'exited', exitCode: 3 })
  expect(await logTexts(runtime, id)).toContain('bye')
})

test.each([
  { from: 'the call', stopSignal: 'SIGTERM', signal: 'SIGUSR1' },
  { from: 'the spec', stopSignal: 'USR1', signal: null },
])('the signal to stop with can come from $from', async ({ stopSignal, signal }) => {
  const script = 'trap "exit 9" USR1; echo up; while :; do sleep 0.02; done'
  const id = await startProcess(runtime, aProcessOrder({ script, stopSignal }))
  await printed(runtime, id, 'up')
  await runtime.stop(id, { signal, graceMs: 5_000 })
  expect(await runtime.inspect(id)).toMatchObject({ state: 'exited', exitCode: 9 })
})

test('a program that ignores the signal is killed after the grace', async () => {
  const id = await startProcess(runtime, aProcessOrder({ script: 'trap "" TERM; echo up; while :; do sleep 1; done' }))
  await printed(runtime, id, 'up')
  await runtime.stop(id, { signal: null, graceMs: 50 })
  expect(await runtime.inspect(id)).toMatchObject({ state: 'exited', exitCode: 137 })
})

test('removing does not wait for a stop with a long grace', async () => {
  const id = await startProcess(runtime, aProcessOrder({ script: 'trap "" TERM; echo up; while :; do sleep 1; done' }))
  await printed(runtime, id, 'up')
  const stopping = runtime.stop(id, { signal: null, graceMs: 600_000 })
  await runtime.remove(id)
  await stopping
  expect(await runtime.inspect(id)).toBeNull()
})

test('what a program leaves behind is killed when it ends', async () => {
  const id = await startProcess(runtime, aProcessOrder({ script: 'sleep 600 & echo $!' }))
  await exited(runtime, id)
  const [pid] = await logTexts(runtime, id)
  expect(isGone(Number(pid))).toBe(true)
})

test('an exited process starts again in place, with its old log', async () => {
  const id = await startProcess(runtime, aProcessOrder({ script: 'echo run >>runs; wc -l <runs' }))
  const first = await exited(runtime, id)
  await runtime.start(id)
  const second = await container(runtime, id, (c) => c.state === 'exited' && c.startedAt !== first.startedAt)
  expect(second.startedAt).toBeGreaterThan(first.startedAt ?? 0)
  expect(await logTexts(runtime, id)).toEqual(['1', '2'])
})

test('asking for what is already so succeeds', async () => {
  const order = aProcessOrder()
  const id = await startProcess(runtime, order)
  const { pid } = (await runtime.inspect(id)) ?? {}
  expect(await createProcess(runtime, order)).toBe(id)
  await runtime.start(id)
  expect((await runtime.inspect(id))?.pid).toBe(pid)
  await runtime.stop(id, GRACE)
  await runtime.stop(id, GRACE)
  await runtime.remove(id)
  await runtime.remove(id)
  expect(await runtime.list()).toEqual([])
})

test('starting something that does not exist is NOT_FOUND', async () => {
  await expect(runtime.start('web.9.9')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(runtime.start('../web')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

const refusals: { name: string; spec: Partial<ContainerSpec>; message: RegExp }[] = [
  { name: 'a program that is nowhere', spec: { command: ['no-such-program'] }, message: /there is no such program/ },
  { name: 'a path that is not there', spec: { command: ['./nothing'] }, message: /there is no such program/ },
  { name: 'a file that is not executable', spec: { command: ['/etc/passwd'] }, message: /passwd is not executable/ },
  { name: 'a directory as program', spec: { command: ['/tmp'] }, message: /\/tmp is not a file/ },
  { name: 'a missing working directory', spec: { workingDir: '/not/there' }, message: /\/not\/there does not exist/ },
  { name: 'an unknown user', spec: { user: 'nobody-like-this' }, message: /no user nobody-like-this/ },
  { name: 'an unknown ulimit', spec: { ulimits: [{ name: 'x', soft: 1, hard: 1 }] }, message: /no ulimit x/ },
]
test.each(refusals)('$name is refused at the start with the true reason', async ({ spec, message }) => {
  const id = await createProcess(runtime, aProcessOrder(spec))
  await expect(runtime.start(id)).rejects.toMatchObject({
    code: 'RUNTIME_REFUSED',
    message: expect.stringMatching(message),
  })
  expect(await runtime.inspect(id)).toMatchObject({ state: 'created', message: expect.stringMatching(message) })
})

test('a script whose interpreter is missing is refused with the name of the interpreter', async () => {
  const file = join(bed.dataDir, 'script')
  writeFileSync(file, '#!/opt/none/bin/run\n', { mode: 0o755 })
  const id = await createProcess(runtime, aProcessOrder({ command: [file] }))
  await expect(runtime.start(id)).rejects.toThrow(/needs the interpreter \/opt\/none\/bin\/run/)
})

test('a busy host port is refused by its number, and taken once it is free', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const host = typeof address === 'object' ? (address?.port ?? 0) : 0
  const order: ContainerOrder = aProcessOrder({}, { hostPorts: [{ container: 80, host, protocol: 'tcp' }] })
  const id = await createProcess(runtime, order)
  await expect(runtime.start(id)).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: `another program listens on port ${host}/tcp`,
  })
  await new Promise((resolve) => server.close(resolve))
  await runtime.start(id)
  expect(await runtime.inspect(id)).toMatchObject({ state: 'running', message: '' })
})

test('ulimits and user are in force, or the description says why not', async () => {
  const { unsupported } = await runtime.describe()
  const spec = { script: 'ulimit -Sn; ulimit -Hn; id -u; id -g', ulimits: [{ name: 'nofile', soft: 123, hard: 456 }] }
  const id = await createProcess(runtime, aProcessOrder({ ...spec, user: '65534:65534' }))
  if (unsupported['user'] ?? unsupported['ulimits']) {
    await expect(runtime.start(id)).rejects.toMatchObject({ code: 'RUNTIME_REFUSED' })
    return
  }
  await runtime.start(id)
  await exited(runtime, id)
  expect(await logTexts(runtime, id)).toEqual(['123', '456', '65534', '65534'])
})

test('the program of a user may write to its working directory', async () => {
  const { unsupported } = await runtime.describe()
  const user = unsupported['user'] === undefined ? '65534:65534' : null
  const id = await startProcess(runtime, aProcessOrder({ script: 'echo mine >file && cat file', user }))
  expect(await exited(runtime, id)).toMatchObject({ exitCode: 0 })
  expect(await logTexts(runtime, id)).toEqual(['mine'])
})

test('a relative working directory is in the directory of the task', async () => {
  const id = await createProcess(runtime, aProcessOrder({ script: 'pwd', workingDir: 'app' }))
  const app = join(bed.dataDir, 'processes', id, 'cwd', 'app')
  mkdirSync(app)
  await runtime.start(id)
  await exited(runtime, id)
  expect(await logTexts(runtime, id)).toEqual([app])
})

test('two clusters in one data directory do not see each other', async () => {
  const other = bed.runtime({ clusterId: 'feedface' })
  const id = await startProcess(runtime, aProcessOrder())
  expect(await other.list()).toEqual([])
  await other.remove(id)
  expect(await createProcess(other, aProcessOrder())).not.toBe(id)
  expect(await runtime.inspect(id)).toMatchObject({ state: 'running' })
})

test('what an order asks for and no process can have is logged by name', async () => {
  const mounts: ContainerSpec['mounts'] = [{ kind: 'bind', source: '/a', target: '/b', readOnly: true }]
  await createProcess(runtime, aProcessOrder({ mounts, hostname: 'web' }))
  expect(bed.logged).toEqual([
    {
      level: 'warn',
      message: 'a process runs without what it asks for',
      fields: { task: 'web.1.1', without: ['mounts.bind', 'hostname'] },
    },
  ])
})
