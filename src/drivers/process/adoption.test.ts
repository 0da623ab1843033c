import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  aProcessOrder,
  CLUSTER_ID,
  container,
  exited,
  isGone,
  logTexts,
  ProcessBed,
  printed,
  startProcess,
} from '../../../test/process-bed.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'
import { containerIdOf } from './task-directory.ts'

const damagedId = containerIdOf('web.7.1', CLUSTER_ID) ?? ''
let bed: ProcessBed

beforeEach(() => {
  bed = new ProcessBed()
})
afterEach(() => bed.close())

/** Starts the order in another process, kills that without warning, and returns the id of the task's process. */
async function startAndDie(order: ContainerOrder): Promise<string> {
  const parent = spawn(process.execPath, [resolve('test/process-parent.ts'), bed.dataDir, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const id = await new Promise<string>((done, fail) => {
    parent.stdout.on('data', (data: Buffer) => done(data.toString().trim()))
    parent.on('exit', () => fail(new Error('the parent ended early')))
  })
  await killed(parent)
  return id
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    child.removeAllListeners('exit')
    child.on('exit', () => done())
    child.kill('SIGKILL')
  })
}

function stateFile(id: string, name: string): string {
  return join(bed.dataDir, 'processes', id, 'state', name)
}

test('a program whose Gantry was killed goes on writing and is adopted', async () => {
  const script = 'n=0; while :; do n=$((n+1)); echo line $n; sleep 0.01; done'
  const id = await startAndDie(aProcessOrder({ script }))
  const runtime = bed.runtime()
  const [found] = await runtime.list()
  expect(found).toMatchObject({ id, taskId: 'web.1.1', specHash: 'hash', state: 'running' })
  const before = (await logTexts(runtime, id)).length
  await printed(runtime, id, `line ${before + 3}`)
  await runtime.stop(id, { signal: null, graceMs: 5_000 })
  expect(await runtime.inspect(id)).toMatchObject({ state: 'exited', exitCode: 143 })
})

test('the end of an adopted program is noticed with its code', async () => {
  const id = await startAndDie(aProcessOrder({ script: 'while [ ! -e go ]; do sleep 0.01; done; exit 5' }))
  const runtime = bed.runtime()
  const end = exited(runtime, id)
  writeFileSync(join(bed.dataDir, 'processes', id, 'cwd', 'go'), '')
  expect(await end).toMatchObject({ exitCode: 5 })
})

test('a program that ended while no Gantry lived has its code and its time', async () => {
  const id = await startAndDie(aProcessOrder({ script: 'while [ ! -e go ]; do sleep 0.01; done; exit 6' }))
  const witness = bed.runtime()
  const { pid } = (await witness.inspect(id)) ?? {}
  await witness.close()
  writeFileSync(join(bed.dataDir, 'processes', id, 'cwd', 'go'), '')
  await expect.poll(() => isGone(pid ?? 0), { timeout: 5_000, interval: 5 }).toBe(true)
  const found = await exited(bed.runtime(), id)
  expect(found).toMatchObject({ exitCode: 6 })
  expect(found.finishedAt).toBeGreaterThan(found.startedAt ?? 0)
})

test('the end of a program whose shim was killed is noticed, with an unknown code', async () => {
  const runtime = bed.runtime()
  const id = await startProcess(runtime, aProcessOrder({ script: 'while [ ! -e go ]; do sleep 0.01; done; exit 5' }))
  const shim = Number(readFileSync(stateFile(id, 'started'), 'utf8').split(' ')[3])
  process.kill(shim, 'SIGKILL')
  await expect.poll(() => isGone(shim), { timeout: 5_000, interval: 5 }).toBe(true)
  expect(await runtime.inspect(id)).toMatchObject({ state: 'running' })
  writeFileSync(join(bed.dataDir, 'processes', id, 'cwd', 'go'), '')
  expect(await exited(runtime, id)).toMatchObject({
    exitCode: null,
    message: expect.stringContaining('shim was killed'),
  })
})

test('a program without its shim can be stopped', async () => {
  const runtime = bed.runtime()
  const id = await startProcess(runtime, aProcessOrder())
  const { pid } = (await runtime.inspect(id)) ?? {}
  process.kill(Number(readFileSync(stateFile(id, 'started'), 'utf8').split(' ')[3]), 'SIGKILL')
  await runtime.stop(id, { signal: null, graceMs: 5_000 })
  expect(isGone(pid ?? 0)).toBe(true)
})

test('after a restart of the machine a program has ended, whatever has its pid now', async () => {
  const first = bed.runtime()
  const id = await startProcess(first, aProcessOrder())
  const { pid } = (await first.inspect(id)) ?? {}
  await first.close()
  const path = stateFile(id, 'started')
  const before = readFileSync(path, 'utf8')
  writeFileSync(path, before.replace(/\S+\n$/, '00000000-0000-0000-0000-000000000000\n'))
  const second = bed.runtime()
  const found = await exited(second, id)
  expect(found).toMatchObject({ exitCode: null, message: 'the machine was restarted' })
  expect(isGone(pid ?? 0)).toBe(false)
  process.kill(pid ?? 0, 'SIGKILL')
})

test('another process with the pid of a program that ended is not taken for it', async () => {
  const first = bed.runtime()
  const id = await startProcess(first, aProcessOrder())
  const { pid } = (await first.inspect(id)) ?? {}
  await first.stop(id, { signal: null, graceMs: 5_000 })
  await first.close()
  rmSync(stateFile(id, 'closed'))
  rmSync(stateFile(id, 'exit'))
  const path = stateFile(id, 'started')
  const fields = readFileSync(path, 'utf8').split(' ')
  writeFileSync(path, [fields[0], process.pid, fields[2], process.pid, ...fields.slice(4)].join(' '))
  const second = bed.runtime()
  expect(await exited(second, id)).toMatchObject({ exitCode: null })
  await second.remove(id)
  expect(pid).not.toBe(process.pid)
})

test('what a closed runtime has found out is still known to the next', async () => {
  const first = bed.runtime()
  const id = await startProcess(first, aProcessOrder({ script: 'exit 3' }))
  const found = await exited(first, id)
  await first.close()
  expect(await bed.runtime().inspect(id)).toEqual(found)
})

test.each([
  { name: 'an empty directory', make: (path: string) => mkdirSync(path) },
  { name: 'a directory with garbage for an order', make: (path: string) => garbage(path, '\0\0\0') },
  { name: 'a directory with an order of another shape', make: (path: string) => garbage(path, '{"format":1}') },
])('$name is shown as ended, logged, and can be removed or made anew', async ({ make }) => {
  const path = join(bed.dataDir, 'processes', damagedId)
  mkdirSync(join(bed.dataDir, 'processes'))
  make(path)
  const runtime = bed.runtime()
  const [found] = await runtime.list()
  expect(found).toMatchObject({ id: damagedId, taskId: 'web.7.1', state: 'exited', exitCode: null, specHash: '' })
  expect(found?.message).not.toBe('')
  expect(bed.logged).toMatchObject([{ level: 'warn', message: 'the directory of a process is damaged' }])
  await expect(runtime.start(damagedId)).rejects.toMatchObject({ code: 'RUNTIME_REFUSED' })
  const id = await startProcess(runtime, aProcessOrder({}, { taskId: 'web.7.1' }))
  expect(await container(runtime, id, ({ state }) => state === 'running')).toMatchObject({ specHash: 'hash' })
  await runtime.remove(id)
  expect(await runtime.list()).toEqual([])
})

function garbage(path: string, text: string): void {
  mkdirSync(path)
  writeFileSync(join(path, 'order.json'), text)
}

test('damaged records of a run never stop the list', async () => {
  const first = bed.runtime()
  const id = await startProcess(first, aProcessOrder({ script: 'exit 3' }))
  await exited(first, id)
  await first.close()
  writeFileSync(stateFile(id, 'closed'), '{"run":')
  writeFileSync(stateFile(id, 'exit'), '')
  expect(await bed.runtime().list()).toMatchObject([{ id, state: 'exited', exitCode: null }])
})

test('files and strange names among the directories are left alone', async () => {
  const processes = join(bed.dataDir, 'processes')
  mkdirSync(join(processes, 'a b'), { recursive: true })
  mkdirSync(join(processes, `.removed-${damagedId}`))
  writeFileSync(join(processes, 'file'), '')
  expect(await bed.runtime().list()).toEqual([])
})

test('what an earlier Gantry was removing when it died is removed by the next', async () => {
  const first = bed.runtime()
  const id = await startProcess(first, aProcessOrder({ script: 'exit 0' }))
  await exited(first, id)
  await first.close()
  const processes = join(bed.dataDir, 'processes')
  renameSync(join(processes, id), join(processes, `.removed-${id}`))
  expect(await bed.runtime().list()).toEqual([])
  expect(readdirSync(processes)).toEqual([])
})

test('a directory that somebody copied in is seen, and one that somebody removed is gone', async () => {
  const runtime = bed.runtime()
  const id = await startProcess(runtime, aProcessOrder({ script: 'exit 0' }))
  await exited(runtime, id)
  const path = join(bed.dataDir, 'processes', id)
  const aside = join(bed.dataDir, 'aside')
  cpSync(path, aside, { recursive: true, preserveTimestamps: true })
  rmSync(path, { recursive: true })
  expect(await runtime.list()).toEqual([])
  cpSync(aside, path, { recursive: true, preserveTimestamps: true })
  expect(await runtime.list()).toMatchObject([{ id, exitCode: 0 }])
})

test('a run that Gantry was starting when it died is waited for, not begun twice', async () => {
  const first = bed.runtime()
  const script = 'echo $$ >>pids; sleep 600'
  const id = await startProcess(first, aProcessOrder({ script }))
  const { pid } = (await first.inspect(id)) ?? {}
  await first.close()
  // As if the disk were slow: the shim has begun, but the start of the program is not yet on record.
  const record = readFileSync(stateFile(id, 'started'))
  rmSync(stateFile(id, 'started'))
  const starting = bed.runtime().start(id)
  // Time enough for a runtime that does not wait.
  const other = new ProcessBed()
  await startProcess(other.runtime(), aProcessOrder())
  await other.close()
  writeFileSync(stateFile(id, 'started'), record)
  await starting
  expect((await bed.runtime().inspect(id))?.pid).toBe(pid)
})
