import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { engineTests } from '../engine/engine-tests.ts'
import { BUSYBOX_IMAGE } from '../engine/images.ts'
import { buildStandIns, REDIS_IMAGE } from '../engine/stand-ins.ts'
import { TestCluster } from './cluster.ts'
import { until } from './gantry.ts'

const MIB = 1024 * 1024
const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers')

const RICH = (directory: (name: string) => string): string => `
services:
  rich:
    image: ${BUSYBOX_IMAGE}
    entrypoint: [sh, -c]
    command: ['trap "echo asked; exit 0" USR1; echo up; while :; do sleep 1000 & wait $!; done']
    env: { GREETING: hello, OWN: 1.10, SERVICE_NAME: mine }
    hostname: gate
    user: "1234:4321"
    working_dir: /var/log
    labels: { team: blue }
    stop_signal: SIGUSR1
    stop_grace_period: 20s
    ports: ["0:8080", "0:53/udp"]
    network: rich-network
    dns: [10.1.2.3]
    extra_hosts: ["ledger:10.9.8.7"]
    stateless: false
    volumes:
      - ${directory('bind')}:/bind
      - ${directory('fixed')}:/fixed:ro
      - rich-volume:/volume
    tmpfs: ["/scratch:size=1m"]
    read_only: true
    capabilities: { add: [NET_ADMIN], drop: [CHOWN] }
    devices: ["/dev/null:/dev/nothing:r"]
    ulimits: { nofile: "100:200" }
    logging: { driver: json-file, options: { max-size: 1m, max-file: 3 } }
    resources: { cpu_millicores: 250, memory_bytes: ${64 * MIB} }
    limits: { memory_swap: 96m, cpu_shares: 512, cpuset_cpus: "0" }
`

const CGROUP_FILES: Readonly<Record<string, string>> = isV2
  ? { 'cpu.max': '25000 100000', 'memory.max': `${64 * MIB}`, 'memory.swap.max': `${32 * MIB}`, 'cpuset.cpus': '0' }
  : {
      'cpu/cpu.cfs_quota_us': '25000',
      'cpu/cpu.shares': '512',
      'cpuset/cpuset.cpus': '0',
      'memory/memory.limit_in_bytes': `${64 * MIB}`,
      'memory/memory.memsw.limit_in_bytes': `${96 * MIB}`,
    }

engineTests((engine) => {
  let cluster: TestCluster
  beforeAll(async () => {
    await buildStandIns(engine)
    cluster = await TestCluster.start(engine)
  })
  afterEach(() => cluster.clear())
  afterAll(() => cluster[Symbol.asyncDispose]())

  test('a container has every variable, mount, limit and right that its manifest promises', async () => {
    writeFileSync(join(cluster.directory('bind'), 'greeting'), 'hello')
    const [task] = await cluster.run(RICH((name) => cluster.directory(name)))
    const id = task?.id ?? ''
    const environment = (await cluster.shell(id, 'tr "\\0" "\\n" </proc/1/environ')).split('\n')
    expect(environment).toEqual(
      expect.arrayContaining([
        ...['GREETING=hello', 'OWN=1.10', 'FROM_IMAGE=yes', 'SERVICE_NAME=mine'],
        ...['NODE_ID=1', `CONTAINER_NAME=${id}`, `GANTRY_TASK=${id}`, 'GANTRY_SLOT=1'],
      ]),
    )
    const looks: Readonly<Record<string, string | RegExp>> = {
      hostname: 'gate',
      'id -u; id -g': '1234\n4321',
      'readlink /proc/1/cwd': '/var/log',
      // In a network with names the engine answers itself, and asks the given servers for the rest.
      'cat /etc/resolv.conf': /nameserver 127\.0\.0\.11/,
      'grep ledger /etc/hosts': /^10\.9\.8\.7\s+ledger$/,
      'cat /bind/greeting': 'hello',
      'grep " /fixed " /proc/mounts': / ro[, ]/,
      'grep -c -E " /(bind|volume|data|fixed) " /proc/mounts': '4',
      'grep " /scratch " /proc/mounts': /^tmpfs .*size=1024k/,
      'grep "^[^ ]* / " /proc/mounts': / ro[, ]/,
      'grep -E "open files" /proc/1/limits': /100\s+200/,
      'ls /dev/nothing': '/dev/nothing',
      // Bit 0 is CAP_CHOWN, bit 12 CAP_NET_ADMIN.
      'c=0x$(grep CapBnd /proc/1/status | cut -f2); echo $((c & 1)) $((c >> 12 & 1))': '0 1',
      'ls -d /sys/class/net/eth0': '/sys/class/net/eth0',
    }
    for (const [script, expected] of Object.entries(looks)) {
      const printed = await cluster.shell(id, script)
      if (typeof expected === 'string') expect(`${script}: ${printed}`).toBe(`${script}: ${expected}`)
      else expect(printed, script).toMatch(expected)
    }
    for (const [file, value] of Object.entries(CGROUP_FILES)) {
      expect(await cluster.shell(id, `cat /sys/fs/cgroup/${file}`), file).toBe(value)
    }
    const { Config: config, HostConfig: host } = await cluster.container(task)
    expect(config.Labels).toMatchObject({ team: 'blue', 'gantry.task': id, 'gantry.service': 'rich' })
    expect(host.LogConfig).toEqual({ Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '3' } })
    expect(host.Dns).toEqual(['10.1.2.3'])
    // The engine must not restart what Gantry decides about.
    expect(host.RestartPolicy.Name).toBe('no')
    expect(task?.ports.map(({ container, protocol }) => `${container}/${protocol}`)).toEqual(['8080/tcp', '53/udp'])
  })

  test('a container is asked to end by its own signal, and its last words are kept', async () => {
    const [first] = await cluster.run(RICH((name) => cluster.directory(name)))
    await cluster.ended((await cluster.client.restart('rich')).revision)
    expect(await cluster.client.task(first?.id ?? '')).toMatchObject({ state: 'stopped', exitCode: 0 })
    const words = (await cluster.logs('rich')).filter(({ task }) => task === first?.id).map(({ text }) => text)
    expect(words).toEqual(['up', 'asked'])
  })

  test('a program that does not end when asked to is killed when its grace is over', async () => {
    await cluster.run(`
services:
  stubborn:
    image: ${BUSYBOX_IMAGE}
    command: [sh, -c, 'trap "echo no" TERM; echo up; while :; do sleep 1000 & wait $!; done']
    stop_grace_period: 1s
`)
    const task = await cluster.client.stopTask('stubborn.1.1')
    expect(task.desired).toBe('stopped')
    const [ended] = await cluster.untilTasks('stubborn', (tasks) =>
      tasks.some(({ id, state }) => id === task.id && state === 'stopped'),
    )
    expect((await cluster.client.task('stubborn.1.1')).exitCode).toBe(137)
    expect(ended).toBeDefined()
    const texts = (await cluster.logs('stubborn')).filter((line) => line.task === task.id).map(({ text }) => text)
    expect(texts).toEqual(['up', 'no'])
  })

  test('what a task has written into a named volume, a bound directory or its own is there for its successor', async () => {
    const bind = cluster.directory('kept')
    const text = `
services:
  store:
    image: ${REDIS_IMAGE}
    command: [redis-server, --protected-mode, "no", --dir, /data]
    stateless: false
    ports: [6379]
    volumes: ["${bind}:/bind", "redis-volume:/volume"]
    health_check: { type: command, command: [redis-cli, ping], interval: 200ms, timeout: 20s, start_period: 60s }
`
    await cluster.run(text)
    await cluster.shell(
      'store.1.1',
      'redis-cli set answer 42; redis-cli save; echo b >/bind/note; echo v >/volume/note',
    )
    await cluster.ended((await cluster.client.restart('store')).revision)
    const [task] = await cluster.tasks('store')
    expect(task?.attempt).toBe(2)
    const told = await cluster.shell('store.1.2', 'redis-cli get answer; cat /bind/note /volume/note')
    expect(told).toBe('42\nb\nv')
    expect(existsSync(join(cluster.gantry.dataDir, 'volumes/store/dump.rdb'))).toBe(true)
  })

  test('a process has every variable, directory, user and limit that its manifest promises', async () => {
    const user = 'nobody'
    const [task] = await cluster.run(`
services:
  plain:
    command:
      - sh
      - -c
      - 'echo "cwd $(pwd)"; echo "user $(id -un)"; echo "files $(ulimit -Sn) $(ulimit -Hn)"; env | sed "s/^/env /"; cat /proc/self/cgroup; echo told; exec sleep 1000'
    env: { GREETING: hello }
    ports: [8080, "0:53/udp"]
    user: ${user}
    working_dir: /usr
    stateless: false
    ulimits: { nofile: "100:200" }
    limits: { cpus: 0.25, memory: 64m }
`)
    const host = Object.fromEntries(task?.ports.map(({ container, host }) => [container, host]) ?? [])
    const lines = (
      await until(
        () => cluster.logs('plain'),
        (all) => all.some(({ text }) => text === 'told'),
      )
    ).map(({ text }) => text)
    expect(lines).toEqual(
      expect.arrayContaining([
        ...['cwd /usr', `user ${user}`, 'files 100 200', 'env GREETING=hello', 'env HOST=0.0.0.0'],
        ...[`env PORT=${host[8080]}`, `env PORT_8080=${host[8080]}`, `env PORT_53=${host[53]}`],
        ...['env NODE_ID=1', 'env SERVICE_NAME=plain', 'env CONTAINER_NAME=plain.1.1', 'env GANTRY_SLOT=1'],
        `env DATA_DIR=${join(cluster.gantry.dataDir, 'volumes', 'plain')}`,
      ]),
    )
    const [node] = await cluster.client.nodes()
    const unsupported = node?.runtimes.find(({ kind }) => kind === 'process')?.unsupported ?? {}
    const [memory, cpu] = isV2
      ? [groupFile(lines, '', 'memory.max'), groupFile(lines, '', 'cpu.max')]
      : [groupFile(lines, 'memory', 'memory.limit_in_bytes'), groupFile(lines, 'cpu', 'cpu.cfs_quota_us')]
    expect(unsupported['limits.memoryBytes'] ?? memory()).toBe(unsupported['limits.memoryBytes'] ?? `${64 * MIB}`)
    const quota = isV2 ? '25000 100000' : '25000'
    expect(unsupported['limits.cpuMillis'] ?? cpu()).toBe(unsupported['limits.cpuMillis'] ?? quota)
  })

  /** A file of the control group that the process said it is in. */
  function groupFile(lines: readonly string[], controller: string, file: string): () => string {
    const group = new RegExp(isV2 ? '^0::(/.*)$' : String.raw`^\d+:(?:\w+,)*${controller}(?:,\w+)*:(/.*)$`)
    const [path = ''] = lines.flatMap((line) => group.exec(line)?.[1] ?? [])
    return () => readFileSync(join('/sys/fs/cgroup', controller, path, file), 'utf8').trim()
  }

  test('what a process has written into its own directory is there for its successor', async () => {
    await cluster.run(`
services:
  diary:
    command: [sh, -c, 'date +%N >>"$DATA_DIR/pages"; exec sleep 1000']
    stateless: false
`)
    await cluster.ended((await cluster.client.restart('diary')).revision)
    const pages = join(cluster.gantry.dataDir, 'volumes/diary/pages')
    await until(
      async () => readFileSync(pages, 'utf8').trim().split('\n').length,
      (count) => count === 2,
    )
  })
})
