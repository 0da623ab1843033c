import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Client, createClient } from '../../src/transport/client.ts'
import { engineTests } from '../engine/engine-tests.ts'
import { BUSYBOX_IMAGE } from '../engine/images.ts'
import { TestCluster } from './cluster.ts'
import { aGantry, type Gantry, tokenOf, until } from './gantry.ts'
import { aSmallDisk } from './small-disk.ts'

const MIB = 1024 * 1024
const PROCESS_ONLY = { GANTRY_RUNTIME: 'process' }

const STEADY = (greeting: string): string => `
services:
  steady:
    command: [sh, -c, 'echo $$; exec sleep 1000']
    env: { GREETING: ${greeting} }
`

const bomb = (): string => {
  const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 12; i++)
    lines.push(
      `${'abcdefghijkl'[i]}: &${'abcdefghijkl'[i]} [${Array(10)
        .fill(`*${'abcdefghijkl'[i - 1]}`)
        .join(', ')}]`,
    )
  return `x-bomb:\n${lines.map((line) => `  ${line}`).join('\n')}\nservices: { web: { image: nginx, env: { A: *l } } }\n`
}

const HOSTILE: readonly { readonly name: string; readonly text: string; readonly says: RegExp }[] = [
  { name: 'an open quote', text: 'services: { web: { image: "nginx', says: /quote/ },
  { name: 'a tab for indentation', text: 'services:\n\tweb: { image: nginx }\n', says: /tab/i },
  { name: 'no mapping', text: '- 1\n- 2\n', says: /mapping|services/ },
  { name: 'nothing', text: '', says: /services|empty/ },
  { name: 'two documents', text: 'services: {}\n---\nservices: {}\n', says: /document/ },
  { name: 'a tag of its own', text: 'services: !!js/function "() => 1"\n', says: /tag/ },
  { name: 'a doubled key', text: 'services: { web: { image: a, image: b } }', says: /image/ },
  { name: 'a key that JavaScript knows', text: 'services: { web: { __proto__: { image: a } } }', says: /__proto__/ },
  { name: 'zero bytes', text: 'services: { web: { image: "a\0b" } }', says: /./ },
  { name: 'an alias of aliases of aliases', text: bomb(), says: /100,?000|alias|values/ },
  { name: 'an alias of itself', text: 'services: &a { web: *a }', says: /alias|itself|levels|unresolved/i },
  { name: 'ten thousand brackets', text: `services: ${'['.repeat(10_000)}`, says: /./ },
  { name: 'ten thousand levels', text: `services: ${'{a: '.repeat(10_000)}1${'}'.repeat(10_000)}`, says: /./ },
]

engineTests((engine) => {
  let gantry: Gantry
  let client: Client
  beforeAll(async () => {
    gantry = await aGantry(PROCESS_ONLY)
    await gantry.up()
    client = clientOf(gantry.dataDir)
    await applied(client, STEADY('hello'))
  })
  afterAll(() => gantry[Symbol.asyncDispose]())

  function clientOf(dataDir: string): Client {
    return createClient({ socketPath: join(dataDir, 'gantry.sock') })
  }

  async function applied(api: Client, text: string): Promise<void> {
    const { revision } = await api.apply({ kind: 'apply', text, file: null }, null)
    await until(
      () => api.progress(revision ?? 0),
      (progress) => progress.revision.state === 'applied',
    )
  }

  /** All that an apply could have changed. */
  const situation = async (api: Client) => ({
    revisions: await api.revisions(),
    services: await api.services(),
    tasks: await api.tasks({ service: null, all: true }),
    desired: (await api.cluster()).desiredRevision,
  })

  test.each(HOSTILE)('a manifest with $name is refused with its problems, and changes nothing', async ({
    text,
    says,
  }) => {
    const before = await situation(client)
    const error: unknown = await client.apply({ kind: 'apply', text, file: 'bad.yaml' }, null).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'SPEC_INVALID' })
    const { problems } = error as { problems: readonly { message: string; path: string }[] }
    expect(problems.map(({ path, message }) => `${path}: ${message}`).join('\n')).toMatch(says)
    expect(await situation(client)).toEqual(before)
  })

  test('a manifest of a mebibyte is read, and a larger one is refused', async () => {
    const before = await situation(client)
    const sized = (bytes: number): string => {
      const text = STEADY('hello')
      return `${text}# ${'x'.repeat(bytes - text.length - 3)}\n`
    }
    expect((await client.validate(sized(MIB), null)).problems).toEqual([])
    const refused = { code: expect.stringMatching(/^(SPEC_INVALID|LIMIT_EXCEEDED)$/) }
    for (const bytes of [MIB + 1, 2 * MIB, 20 * MIB]) {
      await expect(client.apply({ kind: 'apply', text: sized(bytes), file: null }, null)).rejects.toMatchObject(refused)
    }
    expect(await situation(client)).toEqual(before)
    expect((await client.health()).status).toBe('ok')
  })

  test.each([
    { what: 'no JSON', body: '{"change":', status: 400 },
    { what: 'another shape', body: '[1, 2]', status: 400 },
    { what: 'an unknown kind of change', body: '{"change":{"kind":"explode"}}', status: 400 },
    { what: 'a body that is too large', body: JSON.stringify({ change: 'x'.repeat(20 * MIB) }), status: 413 },
  ])('$what to the API over the network is refused in its error form, and changes nothing', async ({
    body,
    status,
  }) => {
    const before = await situation(client)
    const headers = { authorization: `Bearer ${tokenOf(gantry)}`, 'content-type': 'application/json' }
    const response = await fetch(`http://127.0.0.1:${gantry.port}/api/v1/apply`, { method: 'POST', headers, body })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { status, message: expect.stringMatching(/./) } })
    expect(await situation(client)).toEqual(before)
  })

  test('a bad manifest at the command line ends with 3 and the place of each problem', async () => {
    const before = await situation(client)
    const file = join(gantry.dataDir, 'bad.yaml')
    writeFileSync(file, 'services:\n  web:\n    image: nginx\n    replica: 3\n    ports: [70000]\n')
    const { code, stderr } = await gantry.run('apply', '--config', file, '--yes')
    expect(code).toBe(3)
    expect(stderr).toMatch(/bad\.yaml:4:\d+: .*replica/)
    expect(stderr).toMatch(/bad\.yaml:5:\d+: .*ports/)
    expect(stderr).toContain('replicas')
    expect(await situation(client)).toEqual(before)
  })

  test('a second gantry on the same data directory is refused with 4, and the first goes on', async () => {
    const before = await situation(client)
    const second = await gantry.run('up', '--listen', '127.0.0.1:0')
    expect(second.code).toBe(4)
    expect(second.stderr).toMatch(/another gantry \(process \d+\) uses this data directory/)
    expect(second.stderr).toContain('GANTRY_DATA')
    expect(await situation(client)).toEqual(before)
  })

  test('an address of the API that is taken ends the start with 4 and a hint, and leaves nothing behind', async () => {
    await using other = await aGantry(PROCESS_ONLY)
    const stop = await listenOn(other.port, '127.0.0.1')
    const { code, stderr } = await other.run('up')
    expect(code).toBe(4)
    expect(stderr).toContain(String(other.port))
    expect(stderr).toMatch(/^Try: .*--listen|GANTRY_LISTEN/m)
    await stop()
    await other.up()
  })

  test.each([
    { what: 'with other bytes at its start', harm: (path: string) => overwrite(path, 0, 100) },
    { what: 'with other bytes in the middle', harm: (path: string) => overwrite(path, 4_096 * 2, 4_096) },
    { what: 'that is cut short', harm: (path: string) => truncateSync(path, 4_096 + 100) },
    { what: 'that is something else', harm: (path: string) => writeFileSync(path, 'my shopping list\n') },
  ])('a state file $what is refused with 78 and a hint, and not one byte is changed', async ({ harm }) => {
    await using other = await aGantry(PROCESS_ONLY)
    await other.up()
    await applied(clientOf(other.dataDir), `${STEADY('hello')}    replicas: 0\n`)
    await other.end('SIGINT')
    harm(join(other.dataDir, 'state.db'))
    const before = bytesOf(other.dataDir)
    const { code, stderr } = await other.run('up')
    expect(code).toBe(78)
    expect(stderr).toContain('state.db')
    expect(stderr).toMatch(/^Try: /m)
    expect(bytesOf(other.dataDir)).toEqual(before)
  })

  test.each([
    { what: 'that others can read', harm: (path: string) => chmodSync(path, 0o644), says: /chmod 600/ },
    { what: 'that is empty', harm: (path: string) => writeFileSync(path, ''), says: /no token/ },
    {
      what: 'that is a directory',
      harm: (path: string) => {
        rmSync(path)
        mkdirSync(path, { mode: 0o700 })
      },
      says: /token/,
    },
  ])('a token file $what ends the start with 3 and says which', async ({ harm, says }) => {
    await using other = await aGantry(PROCESS_ONLY)
    await other.up()
    await other.end('SIGINT')
    const path = join(other.dataDir, 'token')
    harm(path)
    const { code, stderr } = await other.run('up')
    expect(stderr).toContain(path)
    expect(stderr).toMatch(says)
    expect(code).toBe(3)
    rmSync(path, { recursive: true })
  })

  test.each([
    'missing',
    'directory',
  ])('a token file for the command line that is %s is told as wrong usage', async (kind) => {
    const path = join(gantry.dataDir, `token-${kind}`)
    if (kind === 'directory') mkdirSync(path, { mode: 0o700 })
    const words = ['services', '--url', `http://127.0.0.1:${gantry.port}`, '--token-file', path]
    const { code, stderr } = await gantry.run(...words)
    expect(stderr).toContain(path)
    expect([2, 3]).toContain(code)
  })

  test('a full disk is told as such, changes nothing, stops nothing, and is forgotten once there is room', async () => {
    await using disk = await aSmallDisk(16 * MIB)
    await using small = await aGantry({ ...PROCESS_ONLY, GANTRY_DATA: disk.path })
    await small.up()
    const api = clientOf(disk.path)
    await applied(api, STEADY('hello'))
    const before = await situation(api)
    disk.fill()
    for (const greeting of ['welcome', 'good morning']) {
      const change = { kind: 'apply', text: STEADY(greeting), file: null } as const
      await expect(api.apply(change, null)).rejects.toMatchObject({ code: 'STORE_FULL' })
    }
    const { code, stderr } = await small.run('service', 'scale', 'steady', '2')
    expect(code).toBe(1)
    expect(stderr).toContain('full')
    expect(await situation(api)).toEqual(before)
    disk.free()
    await applied(api, STEADY('welcome'))
    expect(await api.services()).toMatchObject([{ name: 'steady', health: 'healthy', ready: 1 }])
  })

  test('on a full disk a server lives, prolongs leases and says what it cannot do; a task that is killed runs again once there is room', async () => {
    await using disk = await aSmallDisk(16 * MIB)
    await using small = await aGantry({ ...PROCESS_ONLY, GANTRY_DATA: disk.path })
    await small.up()
    const api = clientOf(disk.path)
    const leased = `${STEADY('hello')}    exclusive: true\n    lease: 10s\n`
    await applied(api, leased)
    const pid = await until(
      () => pidIn(api),
      (told) => told > 1,
    )
    disk.fill()
    // Longer than it had when there was still room.
    const end = leaseEndIn(disk.path)
    await until(
      async () => leaseEndIn(disk.path),
      (later) => later > end + 10,
    )
    const before = runIn(disk.path)
    expect(before.program).toBe(pid)

    // With what would see its end, so that there is an end to be written down.
    process.kill(before.shim, 'SIGKILL')
    process.kill(before.program, 'SIGKILL')
    const told = await until(
      async () => (await api.cluster()).conditions,
      (conditions) => conditions.some(({ kind }) => kind === 'node in trouble'),
    )
    expect(told.find(({ kind }) => kind === 'node in trouble')?.message).toContain('its disk is full')
    disk.free()
    await until(
      () => api.services(),
      ([service]) => service?.health === 'healthy' && runIn(disk.path).program !== pid,
    )
    await until(
      async () => (await api.cluster()).conditions,
      (conditions) => conditions.length === 0,
    )
  })

  test('a program that dies while the disk is full runs again, at the latest once there is room', async () => {
    await using disk = await aSmallDisk(16 * MIB)
    await using small = await aGantry({ ...PROCESS_ONLY, GANTRY_DATA: disk.path })
    await small.up()
    const api = clientOf(disk.path)
    await applied(api, STEADY('hello'))
    const pid = await until(
      () => pidIn(api),
      (told) => told > 1,
    )
    disk.fill()
    process.kill(pid, 'SIGKILL')
    await until(
      async () => existsSync(`/proc/${pid}`),
      (isThere) => !isThere,
    )
    expect((await api.health()).status).toBe('ok')
    disk.free()
    const tasks = await until(
      () => api.tasks({ service: 'steady', all: true }),
      (all) => all.some((task) => task.ready && (task.restarts > 0 || task.attempt > 1)),
    )
    expect(tasks.filter(({ ready }) => ready)).toHaveLength(1)
  })

  test.each([
    'docker',
    'process',
  ])('a fixed port that another program holds rejects the task with the reason (%s)', async (runtime) => {
    await using cluster = await TestCluster.start(engine)
    const { port, stop } = await holdPort()
    const text = `
services:
  blocked:
    ${runtime === 'docker' ? `image: ${BUSYBOX_IMAGE}` : ''}
    command: [sh, -c, 'trap "exit 0" TERM; while :; do sleep 1000 & wait $!; done']
    ports: ["${port}:80"]
`
    const { revision } = await cluster.client.apply({ kind: 'apply', text, file: null }, null)
    const tasks = await cluster.untilTasks('blocked', (all) => all.some(({ state }) => state === 'rejected'))
    const [{ message = '' } = {}] = tasks.filter(({ state }) => state === 'rejected')
    expect(message).toContain(String(port))
    expect(message).toMatch(/in use|another program listens/)
    expect(await cluster.service('blocked')).toMatchObject({ health: 'unhealthy', ready: 0 })
    await stop()
    await cluster.untilService('blocked', ({ health }) => health === 'healthy')
    expect(await cluster.ended(revision)).toMatchObject({ revision: { state: 'applied' } })
  })

  /** When the lease of the only leased task ends, in seconds since boot; 0: nobody knows of one. */
  function leaseEndIn(dataDir: string): number {
    const directory = join(dataDir, 'watchdog', readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
    const name = existsSync(directory) ? readdirSync(directory).find((file) => file.endsWith('.deadline')) : undefined
    return name === undefined ? 0 : Number.parseInt(readFileSync(join(directory, name), 'utf8'), 10)
  }

  /** Pids of the only task's program, and of what waits for its end. */
  function runIn(dataDir: string): { readonly program: number; readonly shim: number } {
    const [directory = ''] = readdirSync(join(dataDir, 'processes')).filter((name) => name.includes('@'))
    const started = readFileSync(join(dataDir, 'processes', directory, 'state', 'started'), 'utf8')
    const [, program, , shim] = started.split(' ').map(Number)
    return { program: program ?? 0, shim: shim ?? 0 }
  }

  /** What the program has told of itself; 0 while it has not. */
  async function pidIn(api: Client): Promise<number> {
    const query = { follow: false, tail: 1, since: null }
    for await (const { text } of api.serviceLogs('steady', query, AbortSignal.timeout(60_000))) return Number(text)
    return 0
  }

  async function holdPort(): Promise<{ port: number; stop: () => Promise<void> }> {
    const server = createServer().listen(0, '0.0.0.0')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    return { port, stop: ending(server) }
  }

  async function listenOn(port: number, host: string): Promise<() => Promise<void>> {
    const server = createServer().listen(port, host)
    await once(server, 'listening')
    return ending(server)
  }

  function ending(server: ReturnType<typeof createServer>): () => Promise<void> {
    let ended: Promise<void> | null = null
    const stop = (): Promise<void> => {
      ended ??= new Promise((resolve) => server.close(() => resolve()))
      return ended
    }
    onTestFinished(stop)
    return stop
  }

  function overwrite(path: string, from: number, length: number): void {
    const bytes = readFileSync(path)
    bytes.fill(0xa5, from, from + length)
    writeFileSync(path, bytes)
  }

  /** Hash of each file of a directory, but what a start may always leave: the lock of the state is taken before it is read. */
  function bytesOf(directory: string): Record<string, string> {
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
      statSync(join(directory, name)).isFile(),
    )
    const hash = (name: string) =>
      createHash('sha256')
        .update(readFileSync(join(directory, name)))
        .digest('hex')
    return Object.fromEntries(files.sort().map((name) => [name, hash(name)]))
  }
})
