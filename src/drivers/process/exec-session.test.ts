import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { aProcessOrder, isGone, ProcessBed, startProcess } from '../../../test/process-bed.ts'
import type { ExecRequest, ExecSession } from '../../ports/runtime.ts'
import type { ProcessRuntime } from './runtime.ts'

let bed: ProcessBed
let runtime: ProcessRuntime
let id = ''

beforeEach(async () => {
  bed = new ProcessBed()
  runtime = bed.runtime()
  id = await startProcess(runtime, aProcessOrder({ env: { GREETING: 'hello' } }))
})
afterEach(() => bed.close())

function exec(request: Partial<ExecRequest>): Promise<ExecSession> {
  const plain = { argv: ['true'], tty: false, stdin: false, env: {}, user: null, workingDir: null, size: null }
  return runtime.exec(id, { ...plain, ...request })
}

async function texts(session: ExecSession): Promise<{ stdout: string; stderr: string }> {
  const all = { stdout: '', stderr: '' }
  for await (const { stream, data } of session.output) all[stream] += Buffer.from(data).toString()
  return all
}

/** Reads on until the output holds this text. */
async function until(session: ExecSession, text: string): Promise<string> {
  let all = ''
  for await (const { data } of session.output) {
    all += Buffer.from(data).toString()
    if (all.includes(text)) return all
  }
  throw new Error(`the session ended without ${text}: ${all}`)
}

test('a program beside the task has its environment and directory, its own output and code', async () => {
  const session = await exec({ argv: ['sh', '-c', 'echo $GREETING $MORE; pwd >&2; exit 4'], env: { MORE: 'world' } })
  const output = await texts(session)
  expect(output).toEqual({ stdout: 'hello world\n', stderr: `${bed.dataDir}/processes/${id}/cwd\n` })
  expect(await session.exit).toBe(4)
})

test('input reaches the program and its end is seen', async () => {
  const session = await exec({ argv: ['cat'], stdin: true })
  session.write(Buffer.from('one\n'))
  session.write(Buffer.from('two\n'))
  session.endInput()
  expect(await texts(session)).toEqual({ stdout: 'one\ntwo\n', stderr: '' })
  expect(await session.exit).toBe(0)
})

test('more output than fits in memory arrives whole, because the program waits for the reader', async () => {
  const session = await exec({ argv: ['head', '-c', '8000000', '/dev/zero'] })
  let bytes = 0
  for await (const { data } of session.output) bytes += data.length
  expect(bytes).toBe(8_000_000)
  expect(await session.exit).toBe(0)
})

test('a program that does not exist is refused with the reason', async () => {
  await expect(exec({ argv: ['no-such-program'] })).rejects.toMatchObject({ code: 'RUNTIME_REFUSED' })
})

test('nothing can be run beside a process that has ended', async () => {
  await runtime.stop(id, { signal: 'KILL', graceMs: 1_000 })
  await expect(exec({})).rejects.toMatchObject({ code: 'RUNTIME_REFUSED' })
})

test('aborting ends the program', async () => {
  const session = await exec({ argv: ['sh', '-c', 'echo $$; exec sleep 600'] })
  const pid = Number(await until(session, '\n'))
  session.abort()
  expect(await session.exit).toBe(129)
  expect(isGone(pid)).toBe(true)
})

test('a program beside a task does not outlive it', async () => {
  const plainBed = new ProcessBed()
  onTestFinished(() => plainBed.close())
  const plain = plainBed.runtime({ cgroupRoot: '/no/control/groups' })
  const other = await startProcess(plain, aProcessOrder({}, { taskId: 'web.2.1' }))
  const request = {
    argv: ['sleep', '600'],
    tty: false,
    stdin: false,
    env: {},
    user: null,
    workingDir: null,
    size: null,
  }
  const session = await plain.exec(other, request)
  await plain.stop(other, { signal: 'KILL', graceMs: 1_000 })
  expect(await session.exit).toBe(137)
})

test('with a terminal the words of the command arrive unchanged, whatever they hold', async () => {
  const words = ['a b', "it's", '"$HOME"', '`id`', '*', '', 'x\ny', '\\', '$(id)']
  const session = await exec({ argv: ['printf', '<%s>', ...words], tty: true })
  expect((await texts(session)).stdout).toBe(
    words
      .map((word) => `<${word}>`)
      .join('')
      .replace('\n', '\r\n'),
  )
  expect(await session.exit).toBe(0)
})

test('a terminal has the size it is given, and a new one when it is resized', async () => {
  const script = 'trap "stty size; exit 6" WINCH; stty size; while :; do sleep 0.02; done'
  const session = await exec({ argv: ['sh', '-c', script], tty: true, size: { columns: 101, rows: 41 } })
  await until(session, '41 101')
  session.resize(77, 33)
  await until(session, '33 77')
  expect(await session.exit).toBe(6)
})

test('the interrupt key reaches the program in a terminal', async () => {
  const session = await exec({ argv: ['sh', '-c', 'echo ready; exec sleep 600'], tty: true, stdin: true })
  await until(session, 'ready')
  session.write(Buffer.from('\u0003'))
  expect(await session.exit).toBe(130)
})

test('a terminal shows no trace of how it was made', async () => {
  const session = await exec({ argv: ['env'], tty: true })
  expect((await texts(session)).stdout).not.toContain('GANTRY')
})
