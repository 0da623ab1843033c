import { expect, onTestFinished, test } from 'vitest'
import type { Container, ExecRequest, ExecSession, LogLine, LogQuery, Runtime } from '../../src/ports/runtime.ts'
import type { ExecProgram, OrderOptions, Program, RuntimePart, RuntimeUnderTest } from './runtime-under-test.ts'

/**
 * Every runtime, real or simulated, passes this suite; that is what makes the simulated one believable.
 *
 * `open` gives a fresh world for each test. `without` names the parts that the implementation does not have, each with
 * the reason.
 */
export function runtimeContract(
  open: () => Promise<RuntimeUnderTest>,
  without: Readonly<Partial<Record<RuntimePart, string>>> = {},
): void {
  lifeContract(open)
  stopContract(open)
  ownershipContract(open)
  logContract(open)
  if (without.images === undefined) imageContract(open)
  if (without.ports === undefined) portContract(open)
  if (without.exec === undefined) execContract(open)
  if (without.exec === undefined && without.terminal === undefined) terminalContract(open)
  if (without.stats === undefined) statsContract(open)
}

type Open = () => Promise<RuntimeUnderTest>

const SERVE: Program = { kind: 'serve' }
const STUBBORN: Program = { kind: 'stubborn', signal: 'SIGUSR1', code: 5 }

function lifeContract(open: Open): void {
  test('describes itself as available, with a version', async () => {
    const { runtime, settle } = await opened(open)
    const description = await settle(runtime.describe())
    expect(description).toMatchObject({ kind: runtime.kind, available: true })
    expect(description.version).not.toBe('')
  })

  test('a created container is listed with its task and spec hash, and has not started', async () => {
    const world = await opened(open)
    const order = world.order(SERVE)
    const id = await create(world, order)
    const expected = { id, taskId: order.taskId, specHash: order.specHash, state: 'created' }
    const never = { pid: null, startedAt: null, finishedAt: null, exitCode: null }
    expect(await world.settle(world.runtime.list())).toMatchObject([{ ...expected, ...never }])
    expect(await inspect(world, id)).toMatchObject({ ...expected, ...never })
  })

  test('a started container runs, with a process and a time of start', async () => {
    const world = await opened(open)
    const before = world.now()
    const container = await inspect(world, await run(world, SERVE))
    expect(container).toMatchObject({ state: 'running', exitCode: null, finishedAt: null, outOfMemory: false })
    expect(container?.pid).toBeGreaterThan(0)
    // Second-resolution clocks of engines and boot times round down.
    expect(container?.startedAt).toBeGreaterThanOrEqual(before - 1_100)
    expect(container?.startedAt).toBeLessThanOrEqual(world.now() + 1_100)
  })

  test('creating a task that has a container returns that container, also when asked twice at once', async () => {
    const world = await opened(open)
    const order = world.order(SERVE)
    const [first, second] = await Promise.all([create(world, order), create(world, order)])
    expect(second).toBe(first)
    await world.settle(world.runtime.start(first))
    expect(await create(world, order)).toBe(first)
    expect(await inspect(world, first)).toMatchObject({ state: 'running' })
    expect(await world.settle(world.runtime.list())).toHaveLength(1)
  })

  test('starting what runs already changes nothing', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const before = await inspect(world, id)
    await world.settle(world.runtime.start(id))
    expect(await inspect(world, id)).toEqual(before)
  })

  test.each([0, 7, 255])('an end with code %i is told', async (code) => {
    const world = await opened(open)
    const id = await run(world, { kind: 'exit', code })
    expect(await ended(world, id)).toMatchObject({ state: 'exited', exitCode: code, pid: null, outOfMemory: false })
  })

  test('an ended container starts again in place, under the same id', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const first = await inspect(world, id)
    await world.settle(world.runtime.stop(id, { signal: null, graceMs: 10_000 }))
    const between = await inspect(world, id)
    await world.settle(world.runtime.start(id))
    const second = await inspect(world, id)
    expect(between?.finishedAt).toBeGreaterThanOrEqual(first?.startedAt ?? Number.NaN)
    expect(second).toMatchObject({ id, state: 'running', exitCode: null, finishedAt: null })
    expect(second?.startedAt).toBeGreaterThanOrEqual(between?.finishedAt ?? Number.NaN)
  })

  test('a container sees the variables of its order', async () => {
    const world = await opened(open)
    const spec = { env: { GREETING: 'good morning = "you"' } }
    const id = await run(world, { kind: 'print-variable', name: 'GREETING' }, { spec })
    await ended(world, id)
    expect(texts(await logs(world, id))).toEqual(['good morning = "you"'])
  })

  test('creating with a signal that has aborted makes nothing', async () => {
    const world = await opened(open)
    const reason = new Error('no longer wanted')
    const work = world.runtime.create(world.order(SERVE), () => undefined, AbortSignal.abort(reason))
    await expect(world.settle(work)).rejects.toBe(reason)
    expect(await world.settle(world.runtime.list())).toEqual([])
  })

  test('an end and a start are hinted at, until the watch is ended', async () => {
    const world = await opened(open)
    const hints: (string | null)[] = []
    const endWatch = world.runtime.watch((id) => hints.push(id))
    const id = await create(world, world.order(SERVE))
    const hinted = (): boolean => hints.some((hint) => hint === null || hint === id)
    await world.until(hinted)
    hints.length = 0
    await world.settle(world.runtime.start(id))
    await world.until(hinted)
    hints.length = 0
    await world.settle(world.runtime.stop(id, { signal: 'SIGKILL', graceMs: 1_000 }))
    await world.until(hinted)
    endWatch()
    hints.length = 0
    await world.settle(world.runtime.remove(id))
    expect(hints).toEqual([])
  })
}

function stopContract(open: Open): void {
  test('a stop asks politely and resolves when the container has ended', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const before = world.now()
    await world.settle(world.runtime.stop(id, { signal: null, graceMs: 30_000 }))
    expect(await inspect(world, id)).toMatchObject({ state: 'exited', exitCode: 0, pid: null })
    expect(world.now() - before).toBeLessThan(15_000)
  })

  test('a container that ignores the signal is killed after the grace', async () => {
    const world = await opened(open)
    const id = await run(world, STUBBORN)
    const before = world.now()
    await world.settle(world.runtime.stop(id, { signal: null, graceMs: 1_000 }))
    expect(await inspect(world, id)).toMatchObject({ state: 'exited', exitCode: 137, outOfMemory: false })
    expect(world.now() - before).toBeGreaterThanOrEqual(900)
    expect(world.now() - before).toBeLessThan(10_000)
  })

  test('a grace of nothing kills at once', async () => {
    const world = await opened(open)
    const id = await run(world, STUBBORN)
    const before = world.now()
    await world.settle(world.runtime.stop(id, { signal: null, graceMs: 0 }))
    expect(await inspect(world, id)).toMatchObject({ state: 'exited' })
    expect(world.now() - before).toBeLessThan(5_000)
  })

  test('a stop with a signal sends that signal', async () => {
    const world = await opened(open)
    const id = await run(world, STUBBORN)
    await world.settle(world.runtime.stop(id, { signal: 'SIGUSR1', graceMs: 30_000 }))
    expect(await inspect(world, id)).toMatchObject({ state: 'exited', exitCode: 5 })
  })

  test('a stop without a signal sends the one of the spec', async () => {
    const world = await opened(open)
    const id = await run(world, STUBBORN, { spec: { stopSignal: 'SIGUSR1' } })
    await world.settle(world.runtime.stop(id, { signal: null, graceMs: 30_000 }))
    expect(await inspect(world, id)).toMatchObject({ state: 'exited', exitCode: 5 })
  })

  test('two stops at once both resolve', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const stop = (): Promise<void> => world.runtime.stop(id, { signal: null, graceMs: 30_000 })
    await world.settle(Promise.all([stop(), stop()]))
    expect(await inspect(world, id)).toMatchObject({ state: 'exited', exitCode: 0 })
  })

  test('stopping what does not run, or is not there, succeeds and changes nothing', async () => {
    const world = await opened(open)
    const stop = (id: string): Promise<void> => world.settle(world.runtime.stop(id, { signal: null, graceMs: 1_000 }))
    const id = await create(world, world.order(SERVE))
    await stop(id)
    expect(await inspect(world, id)).toMatchObject({ state: 'created' })
    const done = await run(world, { kind: 'exit', code: 7 })
    const before = await ended(world, done)
    await stop(done)
    expect(await inspect(world, done)).toEqual(before)
    await world.settle(world.runtime.remove(done))
    await stop(done)
    await stop('no-such-container')
  })

  test('a removed container is gone, running or not, and removing it again succeeds', async () => {
    const world = await opened(open)
    const ids = [await create(world, world.order(SERVE)), await run(world, STUBBORN)]
    for (const id of ids) {
      await world.settle(world.runtime.remove(id))
      expect(await inspect(world, id)).toBeNull()
      await world.settle(world.runtime.remove(id))
    }
    expect(await world.settle(world.runtime.list())).toEqual([])
  })

  test('a container that is not there cannot be started or read', async () => {
    const world = await opened(open)
    const id = await create(world, world.order(SERVE))
    await world.settle(world.runtime.remove(id))
    for (const gone of [id, 'no-such-container']) await expectNotFound(world, world.runtime, gone)
  })
}

function ownershipContract(open: Open): void {
  test('another object over the same world finds the same containers and can act on them', async () => {
    const world = await opened(open)
    const running = await run(world, SERVE)
    await create(world, world.order(SERVE))
    const before = await world.settle(world.runtime.list())
    await world.runtime.close()
    const successor = await world.reopen()
    expect(byId(await world.settle(successor.list()))).toEqual(byId(before))
    await world.settle(successor.stop(running, { signal: null, graceMs: 30_000 }))
    expect(await world.settle(successor.inspect(running))).toMatchObject({ state: 'exited', exitCode: 0 })
    await world.settle(successor.start(running))
    expect(await world.settle(successor.inspect(running))).toMatchObject({ state: 'running' })
  })

  test('an order whose answer was lost is found by the next object', async () => {
    const world = await opened(open)
    const order = world.order(SERVE)
    const id = await create(world, order)
    const successor = await world.reopen()
    const again = successor.create(order, () => undefined, new AbortController().signal)
    expect(await world.settle(again)).toBe(id)
  })

  test('an end that nobody watched is told afterwards', async () => {
    const world = await opened(open)
    const order = world.order({ kind: 'exit', code: 7 })
    const id = await create(world, order)
    await world.settle(world.runtime.start(id))
    await world.runtime.close()
    const successor = await world.reopen()
    await world.until(async () => (await successor.inspect(id))?.state === 'exited')
    expect(await world.settle(successor.list())).toMatchObject([{ id, exitCode: 7 }])
  })

  test('containers of another cluster are invisible and stay untouched', async () => {
    const world = await opened(open)
    const stranger = await world.stranger()
    // The same task id in both clusters: only the cluster tells them apart.
    const order = world.order(SERVE)
    const foreign = await world.settle(stranger.create(order, () => undefined, new AbortController().signal))
    await world.settle(stranger.start(foreign))
    const before = await world.settle(stranger.inspect(foreign))

    const ours = await create(world, order)
    expect(ours).not.toBe(foreign)
    expect((await world.settle(world.runtime.list())).map(({ id }) => id)).toEqual([ours])
    await expectNotFound(world, world.runtime, foreign)
    await world.settle(world.runtime.stop(foreign, { signal: 'SIGKILL', graceMs: 0 }))
    await world.settle(world.runtime.remove(foreign))
    expect(await world.settle(stranger.inspect(foreign))).toEqual(before)
  })
}

function logContract(open: Open): void {
  const lines = [
    { stream: 'stdout', text: 'one' },
    { stream: 'stderr', text: 'two' },
    { stream: 'stdout', text: '' },
    { stream: 'stdout', text: 'grüße   with  spaces ' },
    { stream: 'stderr', text: 'five' },
  ] as const

  test('an ended container can be read: both streams, each in order, with times', async () => {
    const world = await opened(open)
    const before = world.now()
    const id = await run(world, { kind: 'print', lines, afterwards: 'exit' })
    await ended(world, id)
    const read = await logs(world, id)
    for (const stream of ['stdout', 'stderr'] as const) {
      const printed = lines.filter((line) => line.stream === stream)
      expect(texts(read.filter((line) => line.stream === stream))).toEqual(texts(printed))
    }
    for (const { at } of read) {
      expect(at).toBeGreaterThanOrEqual(before - 1_100)
      expect(at).toBeLessThanOrEqual(world.now() + 1_100)
    }
  })

  test('a container that never started has an empty log', async () => {
    const world = await opened(open)
    const id = await create(world, world.order(SERVE))
    expect(await logs(world, id)).toEqual([])
  })

  test('a tail begins with the last lines', async () => {
    const world = await opened(open)
    const stdout = ['a', 'b', 'c', 'd'].map((text) => ({ stream: 'stdout', text }) as const)
    const id = await run(world, { kind: 'print', lines: stdout, afterwards: 'exit' })
    await ended(world, id)
    expect(texts(await logs(world, id, { tail: 2 }))).toEqual(['c', 'd'])
    expect(await logs(world, id, { tail: 0 })).toEqual([])
    expect(texts(await logs(world, id, { tail: 100 }))).toEqual(['a', 'b', 'c', 'd'])
  })

  test('the log goes on through a restart in place, and can be read from a time on', async () => {
    const world = await opened(open)
    const id = await run(world, { kind: 'print', lines: [{ stream: 'stdout', text: 'hello' }], afterwards: 'exit' })
    const finishedAt = (await ended(world, id))?.finishedAt ?? Number.NaN
    await world.until(() => world.now() > finishedAt + 1)
    const since = world.now()
    await world.settle(world.runtime.start(id))
    await world.until(async () => ((await world.runtime.inspect(id))?.finishedAt ?? 0) > finishedAt)
    await ended(world, id)
    expect(texts(await logs(world, id))).toEqual(['hello', 'hello'])
    expect(texts(await logs(world, id, { since }))).toEqual(['hello'])
    expect(await logs(world, id, { since: world.now() + 60_000 })).toEqual([])
  })

  test('following tells what is there and what comes, and ends with the container', async () => {
    const world = await opened(open)
    const id = await run(world, { kind: 'print', lines: [{ stream: 'stdout', text: 'ready' }], afterwards: 'serve' })
    const read: LogLine[] = []
    const following = collect(world.runtime.logs(id, all({ follow: true }), new AbortController().signal), read)
    await world.until(() => read.length === 1)
    expect(texts(read)).toEqual(['ready'])
    await world.settle(world.runtime.stop(id, { signal: null, graceMs: 30_000 }))
    await world.settle(following)
    expect(texts(read)).toEqual(['ready'])
  })

  test('following ends with the reason of its signal', async () => {
    const world = await opened(open)
    const id = await run(world, { kind: 'print', lines: [{ stream: 'stdout', text: 'ready' }], afterwards: 'serve' })
    const viewer = new AbortController()
    const read: LogLine[] = []
    const following = collect(world.runtime.logs(id, all({ follow: true }), viewer.signal), read)
    await world.until(() => read.length === 1)
    const reason = new Error('the viewer left')
    viewer.abort(reason)
    await expect(world.settle(following)).rejects.toBe(reason)
  })

  test('a long line comes in pieces of at most 64 KiB, and none is lost', async () => {
    const world = await opened(open)
    const id = await run(world, { kind: 'print-long', length: 150_000 })
    await ended(world, id)
    const pieces = texts(await logs(world, id))
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(65_536)
    expect(pieces.length).toBeLessThanOrEqual(4)
    expect(pieces.join('')).toBe('x'.repeat(150_000))
  })
}

function imageContract(open: Open): void {
  test('an image that cannot be had is IMAGE_UNAVAILABLE, and leaves no container', async () => {
    const world = await opened(open)
    const order = world.order(SERVE, { spec: { image: world.images?.missing ?? '' } })
    await expect(create(world, order)).rejects.toMatchObject({ code: 'IMAGE_UNAVAILABLE' })
    expect(await world.settle(world.runtime.list())).toEqual([])
  })

  test('the present ones of some images are told', async () => {
    const { runtime, images, settle } = await opened(open)
    const names = [images?.missing ?? '', images?.present ?? '']
    expect(await settle(runtime.presentImages(names))).toEqual([images?.present])
  })
}

function portContract(open: Open): void {
  test('a host port that is taken is PORT_IN_USE, and the start works when it is free again', async () => {
    const world = await opened(open)
    const host = await world.freePort()
    const ports = {
      spec: { ports: [{ container: 80, host, protocol: 'tcp' }] },
      hostPorts: [{ container: 80, host, protocol: 'tcp' }],
    } as const
    const first = await run(world, SERVE, ports)
    const second = await create(world, world.order(SERVE, ports))
    await expect(world.settle(world.runtime.start(second))).rejects.toMatchObject({ code: 'PORT_IN_USE' })
    expect((await inspect(world, second))?.state).not.toBe('running')
    await world.settle(world.runtime.remove(first))
    await world.settle(world.runtime.start(second))
    expect(await inspect(world, second)).toMatchObject({ state: 'running', message: '' })
  })
}

function execContract(open: Open): void {
  test.each([0, 9])('a program run inside ends with its code %i', async (code) => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    expect(await world.settle(ran(await exec(world, id, { kind: 'exit', code })))).toMatchObject({ code })
  })

  test('the output of a program run inside comes on its two streams', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const session = await exec(world, id, { kind: 'print', out: 'to the left', err: 'to the right' })
    const result = await world.settle(ran(session))
    expect(result).toEqual({ code: 0, stdout: 'to the left\n', stderr: 'to the right\n' })
  })

  test('the input of a program run inside is what was written, and ends', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const session = await exec(world, id, { kind: 'cat' }, { stdin: true })
    const text = 'a line\nand more '.repeat(20_000)
    session.write(new TextEncoder().encode(text))
    session.endInput()
    expect(await world.settle(ran(session))).toEqual({ code: 0, stdout: text, stderr: '' })
  })

  test('a program run inside sees the variables it was given', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const env = { COLOUR: 'green' }
    const session = await exec(world, id, { kind: 'print-variable', name: 'COLOUR' }, { env })
    expect(await world.settle(ran(session))).toMatchObject({ code: 0, stdout: 'green\n' })
  })

  test('the container goes on when a session inside is dropped', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const session = await exec(world, id, { kind: 'wait' }, { stdin: true })
    session.abort()
    await world.settle(ran(session).catch(() => undefined))
    expect(await inspect(world, id)).toMatchObject({ state: 'running' })
  })

  test('a program that is not in the container cannot be run', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const request = { ...PLAIN, argv: ['/no/such/program'] }
    const outcome = await world.settle(
      world.runtime
        .exec(id, request)
        .then(ran)
        .catch((error: unknown) => error),
    )
    // Some engines refuse, others run it and report what a shell would.
    expect([{ code: 126 }, { code: 127 }, { code: 'RUNTIME_REFUSED' }]).toContainEqual({
      code: (outcome as { code: unknown }).code,
    })
  })

  test('nothing can be run inside a container that has ended', async () => {
    const world = await opened(open)
    const id = await run(world, { kind: 'exit', code: 0 })
    await ended(world, id)
    await expect(exec(world, id, { kind: 'cat' })).rejects.toMatchObject({ code: 'RUNTIME_REFUSED' })
  })
}

function terminalContract(open: Open): void {
  test('a program run inside has a terminal if and only if it was asked for', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const size = { columns: 100, rows: 30 }
    const session = await exec(world, id, { kind: 'is-terminal' }, { tty: true, stdin: true, size })
    session.resize(120, 40)
    expect(await world.settle(ran(session))).toMatchObject({ code: 0, stderr: '' })
    const plain = await exec(world, id, { kind: 'is-terminal' }, { stdin: true })
    expect(await world.settle(ran(plain))).toMatchObject({ code: 3 })
  })
}

function statsContract(open: Open): void {
  test('a running container uses memory, and CPU time that only grows', async () => {
    const world = await opened(open)
    const id = await run(world, SERVE)
    const first = await world.settle(world.runtime.stats(id))
    const second = await world.settle(world.runtime.stats(id))
    expect(first.memoryBytes).toBeGreaterThan(0)
    expect(first.cpuMs).toBeGreaterThanOrEqual(0)
    expect(second.cpuMs).toBeGreaterThanOrEqual(first.cpuMs)
    expect(Math.abs(second.at - world.now())).toBeLessThan(10_000)
  })

  test('a container that does not run has no figures', async () => {
    const world = await opened(open)
    const id = await create(world, world.order(SERVE))
    await expect(world.settle(world.runtime.stats(id))).rejects.toMatchObject({ code: 'RUNTIME_REFUSED' })
  })
}

async function opened(open: Open): Promise<RuntimeUnderTest> {
  const world = await open()
  onTestFinished(() => world.close())
  return world
}

function create(world: RuntimeUnderTest, order: ReturnType<RuntimeUnderTest['order']>): Promise<string> {
  return world.settle(world.runtime.create(order, () => undefined, new AbortController().signal))
}

async function run(world: RuntimeUnderTest, program: Program, options?: OrderOptions): Promise<string> {
  const id = await create(world, world.order(program, options))
  await world.settle(world.runtime.start(id))
  return id
}

function inspect(world: RuntimeUnderTest, id: string): Promise<Container | null> {
  return world.settle(world.runtime.inspect(id))
}

async function ended(world: RuntimeUnderTest, id: string): Promise<Container | null> {
  await world.until(async () => (await world.runtime.inspect(id))?.state === 'exited')
  return inspect(world, id)
}

/** What a container that is not ours, or not there at all, answers. */
async function expectNotFound(world: RuntimeUnderTest, runtime: Runtime, id: string): Promise<void> {
  expect(await world.settle(runtime.inspect(id))).toBeNull()
  await expect(world.settle(runtime.start(id))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(logs(world, id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(world.settle(runtime.stats(id))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(world.settle(runtime.exec(id, PLAIN))).rejects.toMatchObject({ code: 'NOT_FOUND' })
}

function byId(containers: readonly Container[]): readonly Container[] {
  return containers.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

function all(query: Partial<LogQuery> = {}): LogQuery {
  return { follow: false, tail: null, since: null, ...query }
}

async function logs(world: RuntimeUnderTest, id: string, query: Partial<LogQuery> = {}): Promise<LogLine[]> {
  const lines: LogLine[] = []
  await world.settle(collect(world.runtime.logs(id, all(query), new AbortController().signal), lines))
  return lines
}

async function collect(lines: AsyncIterable<LogLine>, into: LogLine[]): Promise<void> {
  for await (const line of lines) into.push(line)
}

function texts(lines: readonly { readonly text: string }[]): string[] {
  return lines.map(({ text }) => text)
}

const PLAIN: ExecRequest = {
  argv: ['true'],
  tty: false,
  stdin: false,
  env: {},
  user: null,
  workingDir: null,
  size: null,
}

function exec(
  world: RuntimeUnderTest,
  id: string,
  program: ExecProgram,
  request: Partial<ExecRequest> = {},
): Promise<ExecSession> {
  return world.settle(world.runtime.exec(id, { ...PLAIN, argv: world.argv(program), ...request }))
}

async function ran(session: ExecSession): Promise<{ code: number; stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' }
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  for await (const { stream, data } of session.output) text[stream] += decoders[stream].decode(data, { stream: true })
  return { code: await session.exit, ...text }
}
