import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ContainerSpec, Limits } from '../../src/core/model/service.ts'
import { parseEngineAddress } from '../../src/drivers/docker/address.ts'
import { EngineConnection } from '../../src/drivers/docker/connection.ts'
import { BARE_SPEC, DockerWorld } from './docker-world.ts'
import { engineTests } from './engine-tests.ts'
import { NGINX_IMAGE } from './images.ts'
import { inside } from './inside.ts'

const SERVE = { kind: 'serve' } as const
const MIB = 1024 * 1024
const limits = (some: Partial<Limits>): Limits => ({ ...BARE_SPEC.limits, ...some })
const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers')

const INSIDE: readonly {
  readonly name: string
  readonly spec: Partial<ContainerSpec>
  readonly shell: string
  readonly prints: string | RegExp
}[] = [
  { name: 'hostname', spec: { hostname: 'gate' }, shell: 'hostname', prints: 'gate' },
  { name: 'user', spec: { user: '1234:4321' }, shell: 'id -u; id -g', prints: '1234\n4321' },
  { name: 'working directory', spec: { workingDir: '/var/log' }, shell: 'pwd', prints: '/var/log' },
  {
    name: 'extra hosts',
    spec: { extraHosts: ['ledger:10.9.8.7'] },
    shell: 'grep ledger /etc/hosts',
    prints: /^10\.9\.8\.7\s+ledger$/,
  },
  { name: 'DNS servers', spec: { dns: ['10.1.2.3'] }, shell: 'cat /etc/resolv.conf', prints: /nameserver 10\.1\.2\.3/ },
  { name: 'variables of the image', spec: { env: { A: 'b' } }, shell: 'echo $A $FROM_IMAGE', prints: 'b yes' },
  {
    name: 'ulimits',
    spec: { ulimits: [{ name: 'nofile', soft: 100, hard: 200 }] },
    shell: 'ulimit -Sn; ulimit -Hn',
    prints: '100\n200',
  },
  {
    name: 'tmpfs',
    spec: { tmpfs: { '/scratch': 'size=1m' } },
    shell: 'grep " /scratch " /proc/mounts',
    prints: /^tmpfs .*size=1024k/,
  },
  {
    name: 'a read-only root',
    spec: { readOnly: true },
    shell: 'touch /x 2>&1; echo $?',
    prints: /Read-only file system\n1$/,
  },
  // Bit 0 is CAP_CHOWN, bit 12 CAP_NET_ADMIN.
  {
    name: 'capabilities',
    spec: { capAdd: ['NET_ADMIN'], capDrop: ['CHOWN'] },
    shell: 'c=0x$(grep CapEff /proc/1/status | cut -f2); echo $((c & 1)) $((c >> 12 & 1))',
    prints: '0 1',
  },
  {
    name: 'devices',
    spec: { devices: ['/dev/null:/dev/nothing:r'] },
    shell: 'ls /dev/nothing',
    prints: '/dev/nothing',
  },
  { name: 'an init process', spec: { init: true }, shell: 'cat /proc/1/comm', prints: 'docker-init' },
  {
    name: 'an entrypoint with its command',
    spec: { entrypoint: ['sh', '-c', 'exec sleep "$@"', 'sh'], command: ['1000'] },
    shell: 'tr "\\0" " " </proc/1/cmdline',
    prints: 'sleep 1000',
  },
]

engineTests((engine) => {
  test.each(INSIDE)('$name of a spec can be seen in the container', async ({ spec, shell, prints }) => {
    const { runtime, run } = await world()
    const id = await run(SERVE, { spec })
    const printed = await inside(runtime, id, ['sh', '-c', shell])
    if (typeof prints === 'string') expect(printed).toBe(prints)
    else expect(printed).toMatch(prints)
  })

  test('limits are what the kernel enforces', async () => {
    const { runtime, run } = await world()
    const spec = {
      limits: limits({
        cpuMillis: 500,
        memoryBytes: 64 * MIB,
        memorySwapBytes: 96 * MIB,
        cpuShares: 512,
        cpusetCpus: '0',
        ...(isV2 ? {} : { memorySwappiness: 10 }),
      }),
    }
    const id = await run(SERVE, { spec })
    const files: Readonly<Record<string, string>> = isV2
      ? { 'cpu.max': '50000 100000', 'memory.max': `${64 * MIB}`, 'memory.swap.max': `${32 * MIB}`, 'cpuset.cpus': '0' }
      : {
          'cpu/cpu.cfs_quota_us': '50000',
          'cpu/cpu.cfs_period_us': '100000',
          'cpu/cpu.shares': '512',
          'cpuset/cpuset.cpus': '0',
          'memory/memory.limit_in_bytes': `${64 * MIB}`,
          'memory/memory.memsw.limit_in_bytes': `${96 * MIB}`,
          'memory/memory.swappiness': '10',
        }
    const paths = Object.keys(files).map((file) => `/sys/fs/cgroup/${file}`)
    expect((await inside(runtime, id, ['cat', ...paths])).split('\n')).toEqual(Object.values(files))
  })

  test('a limit that the engine cannot enforce is told in its description, and does not keep a task from starting', async () => {
    const { runtime, run } = await world()
    const { unsupported } = await runtime.describe()
    const all = { kernelMemoryBytes: 32 * MIB, memorySwappiness: 10, blkioWeight: 300, memoryBytes: 64 * MIB }
    const id = await run(SERVE, { spec: { limits: limits(all) } })
    const { body } = await raw().call({ method: 'GET', path: `/containers/${id}/json`, doing: 'look' })
    const { HostConfig: applied } = body as { HostConfig: Record<string, number | null> }
    expect(applied['Memory']).toBe(64 * MIB)
    for (const [field, key] of [
      ['limits.kernelMemoryBytes', 'KernelMemory'],
      ['limits.blkioWeight', 'BlkioWeight'],
    ] as const) {
      expect(applied[key] === 0 || applied[key] === undefined).toBe(unsupported[field] !== undefined)
    }
  })

  test('a container that takes more memory than its limit is killed, and says so', async () => {
    const { runtime, create, until } = await world()
    const spec = {
      limits: limits({ memoryBytes: 16 * MIB, memorySwapBytes: 16 * MIB }),
      command: ['tail', '-c', '200000000', '/dev/zero'],
    }
    const id = await create(SERVE, { spec })
    // Engines lose the kernel's word now and then, when the container is cleared away faster than they read it.
    await until(async () => {
      const container = await runtime.inspect(id)
      if (container?.state !== 'running' && container?.outOfMemory !== true) await runtime.start(id)
      return container?.outOfMemory === true
    })
    expect(await runtime.inspect(id)).toMatchObject({ state: 'exited', exitCode: 137 })
  })

  test('every kind of mount is there, and read-only where it was asked for', async () => {
    const { runtime, dataDir, run } = await world()
    const [source, missing, readOnly] = ['source', 'missing/deep', 'fixed'].map((name) => join(dataDir, name))
    for (const path of [source, readOnly]) mkdirSync(path ?? '')
    writeFileSync(join(source ?? '', 'greeting'), 'hello')
    const id = await run(SERVE, {
      service: 'store',
      spec: {
        mounts: [
          { kind: 'bind', source: source ?? '', target: '/bind', readOnly: false },
          { kind: 'bind', source: missing ?? '', target: '/missing', readOnly: false },
          { kind: 'bind', source: readOnly ?? '', target: '/fixed', readOnly: true },
          { kind: 'volume', source: `volume-${Date.now()}`, target: '/volume', readOnly: false },
          { kind: 'data', target: '/data' },
        ],
      },
    })
    const script = 'cat /bind/greeting; touch /missing/a /volume/b /data/c; touch /fixed/d 2>&1'
    expect(await inside(runtime, id, ['sh', '-c', script])).toMatch(/^hello.*\/fixed\/d: Read-only file system$/s)
    expect(statSync(join(missing ?? '', 'a')).isFile()).toBe(true)
    await runtime.remove(id)
    expect(existsSync(join(dataDir, 'volumes/store/c'))).toBe(true)
  })

  test('a named volume keeps its content when its container goes', async () => {
    const { runtime, run } = await world()
    const source = `kept-${Date.now()}`
    const spec = { mounts: [{ kind: 'volume', source, target: '/kept', readOnly: false }] } as const
    const first = await run(SERVE, { spec })
    await inside(runtime, first, ['sh', '-c', 'echo still here >/kept/note'])
    await runtime.remove(first)
    const second = await run(SERVE, { spec })
    expect(await inside(runtime, second, ['cat', '/kept/note'])).toBe('still here')
  })

  test('tasks of a named network find each other by the names of their services', async () => {
    const { runtime, run } = await world()
    const network = `net-${Date.now()}`
    const [db, web] = [
      await run(SERVE, { service: 'db', spec: { network } }),
      await run(SERVE, { service: 'web', spec: { network } }),
    ]
    const address = (await runtime.inspect(db))?.address
    expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
    expect(await inside(runtime, web, ['ping', '-c', '1', '-W', '2', 'db'])).toContain(`(${address})`)
  })

  test('a task of the network of the node is reached at the node, and one without any nowhere', async () => {
    const { runtime, run } = await world()
    const host = await run(SERVE, { spec: { networkMode: 'host' } })
    const none = await run(SERVE, { spec: { networkMode: 'none' } })
    expect(await runtime.inspect(host)).toMatchObject({ address: '127.0.0.1' })
    expect(await runtime.inspect(none)).toMatchObject({ address: null })
    expect(await inside(runtime, none, ['ls', '/sys/class/net'])).toBe('lo')
  })

  test('a published port is reached on the node, and a container at its address', async () => {
    const { runtime, freePort, create, until } = await world()
    const host = await freePort()
    const port = { container: 80, host, protocol: 'tcp' } as const
    const id = await create(SERVE, {
      spec: { image: NGINX_IMAGE, command: null, ports: [port] },
      hostPorts: [port],
    })
    await runtime.start(id)
    const address = (await runtime.inspect(id))?.address
    for (const url of [`http://127.0.0.1:${host}/`, `http://${address}/`]) {
      await until(() =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        ),
      )
      expect(await (await fetch(url)).text()).toContain('Welcome to nginx!')
    }
  })

  test('a stop without a signal sends the one of the image', async () => {
    const { runtime, create, until } = await world()
    const id = await create(SERVE, { spec: { image: NGINX_IMAGE, command: null } })
    await runtime.start(id)
    const log = async (): Promise<string> => {
      const query = { follow: false, tail: null, since: null }
      let log = ''
      for await (const { text } of runtime.logs(id, query, new AbortController().signal)) log += `${text}\n`
      return log
    }
    await until(async () => (await log()).includes('start worker process'))
    await runtime.stop(id, { signal: null, graceMs: 10_000 })
    expect(await log()).toContain('signal 3 (SIGQUIT) received')
  })

  test('the user labels are there, and none replaces ours', async () => {
    const { clusterId, create } = await world()
    const id = await create(SERVE, { spec: { labels: { team: 'blue', 'gantry.cluster': 'stolen' } } })
    const { body } = await raw().call({ method: 'GET', path: `/containers/${id}/json`, doing: 'look' })
    const { Config: config } = body as { Config: { Labels: Record<string, string> } }
    expect(config.Labels).toMatchObject({ team: 'blue', 'gantry.cluster': clusterId })
  })

  async function world() {
    const opened = await DockerWorld.forTest(engine.host)
    const { runtime, dataDir, clusterId, until } = opened
    return {
      runtime,
      dataDir,
      clusterId,
      until,
      run: opened.run.bind(opened),
      create: opened.create.bind(opened),
      freePort: () => opened.freePort(),
    }
  }

  function raw(): EngineConnection {
    return new EngineConnection(parseEngineAddress(engine.host))
  }
})
