import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { TaskView } from '../../src/core/model/view.ts'
import { engineTests } from '../engine/engine-tests.ts'
import { buildStandIns, postgresHome } from '../engine/stand-ins.ts'
import { freePort } from '../free-port.ts'
import { TestCluster } from './cluster.ts'

const MIB = 1024 * 1024
const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers')
const PUBLIC_ADDRESS = '192.0.2.7'

const every = readdirSync('examples', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.yaml'))
  .sort()

const OVERLAY = /^(seeds|dependencies\.\S+\.env): .*needs? the overlay network/
const FILES = /^files: files cannot be uploaded and mounted yet/

/** What of each example this version refuses; the others run. */
const REFUSED: Readonly<Record<string, readonly RegExp[]>> = {
  'clusterlite/cassandra.yaml': [OVERLAY],
  'clusterlite/chronograf.yaml': [OVERLAY],
  'clusterlite/default.yaml': [OVERLAY, FILES],
  'clusterlite/elasticsearch.yaml': [OVERLAY],
  'clusterlite/influxdb.yaml': [FILES],
  'clusterlite/kafka.yaml': [OVERLAY],
  'clusterlite/seeds.yaml': [OVERLAY],
  'clusterlite/spark.yaml': [OVERLAY],
  'clusterlite/telegraf.yaml': [OVERLAY],
  'clusterlite/zeppelin.yaml': [OVERLAY],
  'clusterlite/zookeeper.yaml': [OVERLAY],
}

/** Clusterlite's form with all that needs neither the overlay network nor files. */
const PLACED = (port: number, directory: string): string => `
placements:
  default:
    services:
      sleep-server:
        ports: { ${port}: 9000 }
        memory: 64m
        memory-swap: 128m
        memory-swappiness: 60
        cpus: 0.5
        cpu-shares: 512
        cpuset-cpus: "0"
        blkio-weight: 300
      sleep-client:
        memory: 10%
services:
  sleep-server:
    image: alpine:3.20
    command: [serve, 1, 2.50, true]
    environment: { GREETING: hello }
    volumes: { ${directory}: /mounted:ro }
    options: --label tier=test --hostname sleeper --tmpfs /scratch:size=1m
    probe: wget -q -O - http://127.0.0.1:9000/healthz | grep -q ok
    inspect: df -h
    repair: du -sh /data
    logging: { driver: json-file, options: { max-size: 1m, max-file: 3 } }
    capabilities: { add: [NET_ADMIN], drop: [MKNOD] }
  sleep-client:
    image: alpine:3.20
    command: [sleep, 86400]
    stateless: true
    dependencies:
      sleep-server:
`

engineTests((engine) => {
  let cluster: TestCluster
  beforeAll(async () => {
    await buildStandIns(engine)
    cluster = await TestCluster.start(engine, '--public-address', PUBLIC_ADDRESS)
  })
  afterEach(() => cluster.clear())
  afterAll(() => cluster[Symbol.asyncDispose]())

  const read = (path: string): string => readFileSync(join('examples', path), 'utf8')
  const url = (task: TaskView | undefined, container: number, path = '/'): string =>
    `http://127.0.0.1:${task?.ports.find((port) => port.container === container)?.host}${path}`
  const get = async (address: string): Promise<string> => (await fetch(address)).text()
  const of = (tasks: readonly TaskView[], service: string) => tasks.filter((task) => task.service === service)
  const limitsOf = async (task: TaskView | undefined): Promise<unknown> => {
    const { body } = await cluster.raw.call({
      method: 'GET',
      path: `/containers/${task?.containerId}/json`,
      doing: 'look',
    })
    const { HostConfig: limits } = body as {
      HostConfig: { NanoCpus: number; CpuPeriod: number; CpuQuota: number; Memory: number }
    }
    const { NanoCpus: nanoseconds, CpuQuota: quota, CpuPeriod: period, Memory: bytes } = limits
    return { millicores: quota > 0 ? (quota / period) * 1000 : nanoseconds / 1e6, bytes }
  }

  /** The example with its fixed host ports moved to free ones: this machine may need its own. */
  async function onFreePorts(text: string): Promise<string> {
    const fixed = new Set([...text.matchAll(/host_port: ([1-9]\d*)/g)].map(([, port = '']) => port))
    let moved = text
    for (const port of fixed) moved = moved.replaceAll(`host_port: ${port}`, `host_port: ${await freePort()}`)
    return moved
  }

  test('every example is valid at the command line', async () => {
    const { code, stdout, stderr } = await cluster.gantry.run(
      'validate',
      ...every.map((path) => join('examples', path)),
    )
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(every.length)
  })

  test.each(every)('the example %s is planned, and what cannot be had is refused by its name', async (path) => {
    const change = { kind: 'apply', text: read(path), file: path } as const
    const plan = await cluster.client.plan(change)
    expect(plan.summary).toEqual({ add: plan.actions.length, update: 0, replace: 0, remove: 0 })
    expect(plan.actions.length).toBeGreaterThan(0)
    const blockers = plan.blockers.map(({ field, message }) => `${field}: ${message}`)
    const expected = REFUSED[path] ?? []
    for (const pattern of expected) expect(blockers).toContainEqual(expect.stringMatching(pattern))
    if (expected.length === 0) expect(blockers).toEqual([])
    else await expect(cluster.client.apply(change, null)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    expect(await cluster.client.services()).toEqual([])
  })

  test('an example that is refused ends an apply with 3, the names of what it lacks, and no change', async () => {
    const before = (await cluster.client.cluster()).storeRevision
    const file = join('examples', 'clusterlite', 'default.yaml')
    const { code, stderr } = await cluster.gantry.run('apply', '--config', file, '--yes')
    expect(code).toBe(3)
    for (const name of ['sleep-server', 'sleep-client', 'seeds', 'files', 'overlay']) expect(stderr).toContain(name)
    expect((await cluster.client.cluster()).storeRevision).toBe(before)
  })

  test('the web example runs, and each of its tasks serves the page of nginx', async () => {
    const tasks = await cluster.run(read('web/manifest.yaml'))
    expect(tasks).toHaveLength(3)
    for (const task of tasks) expect(await get(url(task, 80))).toContain('Welcome to nginx!')
    expect(await limitsOf(tasks[0])).toEqual({ millicores: 100, bytes: 32 * MIB })
  })

  test('the web server example runs where its port is free, and one node takes one of its tasks', async () => {
    const text = await onFreePorts(read('go-orchestrator/web-server.yaml'))
    const alone = await cluster.run(text.replace('replicas: 2', 'replicas: 1'))
    expect(await get(url(alone[0], 80))).toContain('Welcome to nginx!')
    expect(await cluster.shell(alone[0]?.id ?? '', 'echo $NGINX_ENTRYPOINT_QUIET_LOGS')).toBe('1')
    expect(await limitsOf(alone[0])).toEqual({ millicores: 200, bytes: 64 * MIB })

    const { revision, services } = await cluster.apply(text)
    expect(revision.state).toBe('failed')
    expect(revision.message).toMatch(new RegExp(`has no node: .*${alone[0]?.ports[0]?.host}`))
    expect(services[0]).toMatchObject({ health: 'degraded', ready: 1, replicas: 2 })
    expect((await cluster.tasks())[0]).toMatchObject({ id: alone[0]?.id, startedAt: alone[0]?.startedAt })
  })

  test('the database example runs, and keeps what was written when its task is replaced', async () => {
    const zone = join(cluster.directory('etc'), 'localtime')
    writeFileSync(zone, 'a time zone')
    const text = (await onFreePorts(read('go-orchestrator/database.yaml')))
      .replace('/etc/localtime:', `${zone}:`)
      .replace('interval: 15', 'interval: 1')
    const [task] = await cluster.run(text)
    const id = task?.id ?? ''
    expect((await cluster.shell(id, 'echo $POSTGRES_USER $POSTGRES_DB; cat /etc/localtime')).split('\n')).toEqual([
      'orders orders',
      'a time zone',
    ])
    expect((await cluster.exec(id, 'touch', '/etc/localtime')).code).toBe(1)
    expect(await cluster.shell(id, 'grep -c " /var/lib/postgresql/data " /proc/mounts')).toBe('1')
    expect(await limitsOf(task)).toEqual({ millicores: 1000, bytes: 512 * MIB })
    await ask(id, 'CREATE TABLE orders (id int); INSERT INTO orders VALUES (42)')
    await cluster.ended((await cluster.client.restart('orders-db')).revision)
    const [next] = await cluster.tasks('orders-db')
    expect(next?.id).not.toBe(id)
    if (postgresHome() !== null) expect(await ask(next?.id ?? '', 'SELECT id FROM orders')).toBe('42')
  })

  async function ask(task: string, sql: string): Promise<string> {
    if (postgresHome() === null) return ''
    const { stdout } = await cluster.exec(task, 'psql', '-U', 'orders', '-tA', '-c', sql)
    return stdout.trim()
  }

  test('the example of an interface runs with its arguments, at any free port', async () => {
    const tasks = await cluster.run(read('go-orchestrator/autoscaled-api.yaml'))
    expect(tasks).toHaveLength(2)
    expect(new Set(tasks.map((task) => url(task, 9000))).size).toBe(2)
    for (const task of tasks) {
      expect(await get(url(task, 9000, '/argv'))).toBe('/usr/local/bin/serve\n--workers\n4\n--verbose\nfalse\n')
      expect((await get(url(task, 9000, '/env'))).split('\n')).toEqual(
        expect.arrayContaining(['NODE_ID=1', 'SERVICE_NAME=quotes-api', `CONTAINER_NAME=${task.id}`]),
      )
    }
  })

  test('the complete example runs, and every variable, mount, name and limit of it is there', async () => {
    const conf = cluster.directory('gateway-conf')
    writeFileSync(join(conf, 'main.conf'), 'routes')
    const text = (await onFreePorts(read('go-orchestrator/complete.yaml')))
      .replace('/srv/gateway/conf:', `${conf}:`)
      .replace('replicas: 2', 'replicas: 1')
    const tasks = await cluster.run(text)
    expect(tasks.map(({ service }) => service)).toEqual(['catalogue', 'catalogue', 'catalogue', 'gateway', 'mailer'])
    const [gateway] = of(tasks, 'gateway')
    const [catalogue] = of(tasks, 'catalogue')
    const [mailer] = of(tasks, 'mailer')

    expect(gateway?.ports.map(({ protocol }) => protocol).sort()).toEqual(['tcp', 'udp'])
    expect(await get(url(gateway, 8443, '/argv'))).toBe('/gateway\n--config\n/etc/gateway/main.conf\n')
    expect((await get(url(gateway, 8443, '/env'))).split('\n')).toEqual(
      expect.arrayContaining(['MODE=edge', 'UPSTREAM=http://catalogue:7000', `PUBLIC_HOST_IP=${PUBLIC_ADDRESS}`]),
    )
    const inside = (script: string) => cluster.shell(gateway?.id ?? '', script)
    expect(await inside('cat /etc/gateway/main.conf; touch /etc/gateway/x 2>&1 || true')).toMatch(/^routes.*Read-only/s)
    expect(await inside('grep -c " /var/cache/gateway " /proc/mounts')).toBe('1')
    expect(await inside('cat /etc/hosts')).toMatch(/10\.20\.0\.7\s+catalogue\n[\d.]+\s+node/)
    expect(await limitsOf(gateway)).toEqual({ millicores: 500, bytes: 128 * MIB })

    const environment = await cluster.shell(catalogue?.id ?? '', 'echo $STORE $PAGE_SIZE $PUBLIC_HOST_IP')
    expect(environment).toBe('/var/lib/catalogue 50')
    expect(await limitsOf(catalogue)).toEqual({ millicores: 250, bytes: 64 * MIB })
    expect(await cluster.shell(mailer?.id ?? '', 'ls /sys/class/net')).toBe('lo')
    expect(mailer?.ports).toEqual([])
    expect(await limitsOf(mailer)).toEqual({ millicores: 5, bytes: 16 * MIB })
  })

  test('the example in the form of Clusterlite that needs no overlay runs as it stands', async () => {
    const text = read('clusterlite/standalone.yaml').replace('8080: 80', `${await freePort()}: 80`)
    const [clock, front] = await cluster.run(text)
    expect(await get(url(front, 80))).toContain('Welcome to nginx!')
    expect(await limitsOf(front)).toEqual({ millicores: 500, bytes: 64 * MIB })
    expect(clock?.startedAt ?? 0).toBeGreaterThanOrEqual(front?.startedAt ?? 0)
  })

  test('a manifest in the form of Clusterlite runs with all that its placement promises', async () => {
    const mounted = cluster.directory('mounted')
    writeFileSync(join(mounted, 'note'), 'seen')
    const port = await freePort()
    const tasks = await cluster.run(PLACED(port, mounted))
    expect(tasks.map(({ id }) => id)).toEqual(['sleep-client.1.1', 'sleep-server.1.1'])
    const [client, server] = tasks
    expect(await get(`http://127.0.0.1:${port}/argv`)).toBe('/usr/local/bin/serve\n1\n2.50\ntrue\n')
    expect((await get(`http://127.0.0.1:${port}/env`)).split('\n')).toEqual(
      expect.arrayContaining([
        ...['GREETING=hello', 'NODE_ID=1', 'SERVICE_NAME=sleep-server', `CONTAINER_NAME=${server?.id}`],
        ...['HOSTNAME=sleeper', `PUBLIC_HOST_IP=${PUBLIC_ADDRESS}`],
      ]),
    )
    const mounts = await get(`http://127.0.0.1:${port}/mounts`)
    expect(mounts).toMatch(/ \/data \S+ rw/)
    expect(mounts).toMatch(/ \/mounted \S+ ro/)
    expect(mounts).toMatch(/ \/scratch tmpfs .*size=1024k/)
    expect(await cluster.shell(server?.id ?? '', 'cat /proc/1/comm; cat /mounted/note')).toBe('docker-init\nseen')
    expect(await limitsOf(server)).toEqual({ millicores: 500, bytes: 64 * MIB })
    const files = isV2
      ? ['memory.swap.max', 'cpuset.cpus']
      : ['memory/memory.memsw.limit_in_bytes', 'cpuset/cpuset.cpus', 'cpu/cpu.shares', 'memory/memory.swappiness']
    const values = isV2 ? [`${64 * MIB}`, '0'] : [`${128 * MIB}`, '0', '512', '60']
    const paths = files.map((file) => `/sys/fs/cgroup/${file}`).join(' ')
    expect((await cluster.shell(server?.id ?? '', `cat ${paths}`)).split('\n')).toEqual(values)
    const container = await cluster.container(server)
    expect(container.Config.Labels).toMatchObject({ tier: 'test' })
    expect(container.HostConfig.LogConfig.Config).toEqual({ 'max-size': '1m', 'max-file': '3' })
    const [node] = await cluster.client.nodes()
    expect(await limitsOf(client)).toMatchObject({ bytes: Math.floor((node?.capacity.memoryBytes ?? 0) / 10) })
    expect(client?.startedAt ?? 0).toBeGreaterThanOrEqual(server?.startedAt ?? 0)
    expect((await cluster.exec(client?.id ?? '', 'ls', '/data')).code).not.toBe(0)
  })

  test('the manifest of the README runs as it stands', async () => {
    const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? []
    const tasks = await cluster.run(text)
    expect(of(tasks, 'db')).toHaveLength(1)
    expect(of(tasks, 'web')).toHaveLength(3)
    for (const task of of(tasks, 'web')) expect(await get(url(task, 80))).toContain('Welcome to nginx!')
    expect(await cluster.shell(of(tasks, 'db')[0]?.id ?? '', 'echo $POSTGRES_PASSWORD')).toBe('example')
  })
})
