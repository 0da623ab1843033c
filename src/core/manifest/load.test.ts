import { expect, test } from 'vitest'
import type { ServiceSpec } from '../model/service.ts'
import { loadManifest } from './load.ts'

function load(text: string): Readonly<Record<string, ServiceSpec>> {
  const { manifest, problems } = loadManifest(text, 'm.yaml')
  expect(problems).toEqual([])
  return manifest?.services ?? {}
}

/** One service in our own form, with these keys. */
function service(body: string): ServiceSpec {
  const loaded = load(`services:\n  web: { image: nginx, ${body} }`)['web']
  if (loaded === undefined) throw new Error('the service web was not loaded')
  return loaded
}

test('fills in every default of the own form', () => {
  const spec = service('')
  expect({ ...spec, container: null }).toEqual({
    name: 'web',
    mode: 'replicated',
    replicas: 1,
    placements: [],
    variants: {},
    container: null,
    restart: 'always',
    health: null,
    repair: null,
    inspect: null,
    resources: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 },
    scale: null,
    update: { order: 'start-first', parallelism: 1 },
    dependencies: [],
    exclusive: false,
    leaseMs: null,
    seeds: 0,
    files: {},
    restartCount: 0,
  })
  const { mounts, init, stopGraceMs, networkMode } = spec.container
  expect({ mounts, init, stopGraceMs, networkMode }).toEqual({
    mounts: [],
    init: false,
    stopGraceMs: 30_000,
    networkMode: 'bridge',
  })
})

test('a list, a mapping and a document of its own make the same service', () => {
  const body = 'image: nginx, replicas: 2, restart_policy: always, ports: [{ host_port: 80, container_port: 8080 }]'
  const map = load(`services: { web: { ${body}, env: { A: 1, B: "x=y" } } }`)
  expect(load(`services: [{ service_name: web, ${body}, env: [A=1, "B=x=y"] }]`)).toEqual(map)
  expect(load(`services: [{ name: web, ${body}, environment: { A: 1, B: x=y } }]`)).toEqual(map)
  expect(load(`{ name: web, ${body}, environment: [A=1, B=x=y] }`)).toEqual(map)
})

test('the form decides the defaults of restart, state and init', () => {
  const of = (text: string) =>
    Object.values(load(text)).map(({ restart, container }) => [restart, container.mounts.length, container.init])
  expect(of('services: { web: { image: x } }')).toEqual([['always', 0, false]])
  expect(of('services: [{ name: web, image: x, replicas: 1 }]')).toEqual([['no', 0, false]])
  expect(of('{ service_name: web, image: x, replicas: 1 }')).toEqual([['no', 0, false]])
  expect(of('placements: { p: { services: { web: {} } } }\nservices: { web: { image: x } }')).toEqual([
    ['always', 1, true],
  ])
  expect(
    of(
      'placements: { p: { services: { web: {} } } }\nservices: { web: { image: x, stateless: true, init: false, restart_policy: "no" } }',
    ),
  ).toEqual([['no', 0, false]])
  expect(of('services: { web: { image: x, mode: job } }')).toEqual([['no', 0, false]])
})

test.each<[string, string, unknown]>([
  ['a port of the container alone', 'ports: [80, "81", "82/udp"]', ['any:80/tcp', 'any:81/tcp', 'any:82/udp']],
  ['a host port', 'ports: ["8080:80", "53:53/udp", ":90"]', ['8080:80/tcp', '53:53/udp', 'any:90/tcp']],
  [
    'a mapping from host to container',
    'ports: { 8080: 80, 65535: 65535, 53: 53/udp }',
    ['53:53/udp', '8080:80/tcp', '65535:65535/tcp'],
  ],
  [
    'an object with host port 0',
    'ports: [{ host_port: 0, container_port: 80 }, { container_port: 81, protocol: udp }]',
    ['any:80/tcp', 'any:81/udp'],
  ],
  ['the same port twice', 'ports: [80, "80:80", 80, "80:80"]', ['80:80/tcp']],
  ['one port of the container on two of the host', 'ports: ["80:80", "81:80"]', ['80:80/tcp', '81:80/tcp']],
])('ports as %s', (_, body, expected) => {
  const { ports } = service(body).container
  expect(ports.map(({ host, container, protocol }) => `${host ?? 'any'}:${container}/${protocol}`)).toEqual(expected)
})

test.each<[string, string, object[]]>([
  ['a path of the node', 'volumes: ["/a:/b", "/c/:/d:ro"]', [bind('/a', '/b', false), bind('/c', '/d', true)]],
  [
    'a named volume',
    'volumes: ["x:/b:rw", "y.z:/c:ro"]',
    [
      { ...bind('x', '/b', false), kind: 'volume' },
      { ...bind('y.z', '/c', true), kind: 'volume' },
    ],
  ],
  ['a mapping', 'volumes: { /a: /b, /c: "/d:ro" }', [bind('/a', '/b', false), bind('/c', '/d', true)]],
  ['an object', 'volumes: [{ source: /a, target: /b, read_only: true }]', [bind('/a', '/b', true)]],
  ['state', 'stateless: false', [{ kind: 'data', target: '/data' }]],
])('volumes as %s', (_, body, expected) => {
  expect(service(body).container.mounts).toEqual(expected)
})

function bind(source: string, target: string, readOnly: boolean): object {
  return { kind: 'bind', source, target, readOnly }
}

test.each<[string, string, object]>([
  [
    'an http check',
    'health_check: { type: http, http_path: /up, port: 8, interval: 5, timeout: 2, retries: 4 }',
    { kind: 'http', path: '/up', port: 8, intervalMs: 5000, timeoutMs: 2000, retries: 4, startPeriodMs: 0 },
  ],
  [
    'a path',
    'ports: [80], health_check: /up',
    { kind: 'http', path: '/up', port: 80, intervalMs: 10_000, timeoutMs: 3000, retries: 3, startPeriodMs: 0 },
  ],
  [
    'a check without a type',
    'ports: [80, 53/udp], health_check: { http_path: /up }',
    { kind: 'http', path: '/up', port: 80, intervalMs: 10_000, timeoutMs: 3000, retries: 3, startPeriodMs: 0 },
  ],
  [
    'timeout 0',
    'health_check: { port: 5, interval: 7, timeout: 0 }',
    { kind: 'tcp', port: 5, intervalMs: 7000, timeoutMs: 7000, retries: 3, startPeriodMs: 0 },
  ],
  [
    'retries 0',
    'health_check: { port: 5, retries: 0, start_period: 1m }',
    { kind: 'tcp', port: 5, intervalMs: 10_000, timeoutMs: 3000, retries: 1, startPeriodMs: 60_000 },
  ],
  [
    'a command',
    'health_check: { command: [check, 1, true] }',
    {
      kind: 'command',
      argv: ['check', '1', 'true'],
      intervalMs: 10_000,
      timeoutMs: 3000,
      retries: 3,
      startPeriodMs: 0,
    },
  ],
  [
    'a probe',
    'probe: "ps | grep x"',
    {
      kind: 'command',
      argv: ['/bin/sh', '-c', 'ps | grep x'],
      intervalMs: 10_000,
      timeoutMs: 3000,
      retries: 3,
      startPeriodMs: 0,
    },
  ],
  [
    'a probe as a list',
    'probe: [ps, 1]',
    { kind: 'command', argv: ['ps', '1'], intervalMs: 10_000, timeoutMs: 3000, retries: 3, startPeriodMs: 0 },
  ],
])('health by %s', (_, body, expected) => {
  expect(service(body).health).toEqual(expected)
})

test('numbers and truth values are taken as they are written', () => {
  const { env, command, labels } = service(
    'env: { V: 1.10, E: 1e3, T: True, H: 0x10, Q: "007" }, command: [run, 1.50, false, 007], labels: { v: 2.0 }',
  ).container
  expect(env).toEqual({ V: '1.10', E: '1e3', T: 'True', H: '0x10', Q: '007' })
  expect(command).toEqual(['run', '1.50', 'false', '007'])
  expect(labels).toEqual({ v: '2.0' })
})

test('a command as one text is split into words, a hook is run by a shell', () => {
  const spec = service(`command: 'serve --name "a b" $HOME', repair: "du -sh /", inspect: [df, -h]`)
  expect(spec.container.command).toEqual(['serve', '--name', 'a b', '$HOME'])
  expect([spec.repair, spec.inspect]).toEqual([
    ['/bin/sh', '-c', 'du -sh /'],
    ['df', '-h'],
  ])
})

test('resources are both set aside and enforced, and limits win over them', () => {
  const spec = service(
    'resources: { cpu: "0.5", memory: 256m, disk: 1g }, limits: { memory: 1g, cpu_shares: 512, cpuset-cpus: "0-2" }',
  )
  expect(spec.resources).toEqual({ cpuMillis: 500, memoryBytes: 256 * 1024 ** 2, diskBytes: 1024 ** 3 })
  const { cpuMillis, memoryBytes, cpuShares, cpusetCpus, blkioWeight } = spec.container.limits
  expect([cpuMillis, memoryBytes, cpuShares, cpusetCpus, blkioWeight]).toEqual([500, 1024 ** 3, 512, '0-2', null])
})

test('raw options are taken for the keys that they stand for', () => {
  const { ports, env, limits, hostname } = service(
    'env: { A: 1 }, options: "-p 80:8080 -e B=2 --memory 64m --hostname box"',
  ).container
  expect(ports).toEqual([{ container: 8080, host: 80, protocol: 'tcp' }])
  expect([env, limits.memoryBytes, hostname]).toEqual([{ A: '1', B: '2' }, 64 * 1024 ** 2, 'box'])
})

test.each<[string, string, 'start-first' | 'stop-first']>([
  ['a free host port', 'ports: [80]', 'start-first'],
  ['a fixed host port', 'ports: ["80:80"]', 'stop-first'],
  ['state', 'stateless: false', 'stop-first'],
  ['exclusive', 'exclusive: true', 'stop-first'],
  ['global', 'mode: global', 'stop-first'],
  ['the network of the node with ports', 'network_mode: host, ports: [80]', 'stop-first'],
  ['the network of the node without ports', 'network_mode: host', 'start-first'],
  ['its own word', 'ports: ["80:80"], update_policy: { order: start-first }', 'start-first'],
])('a service with %s is updated %s', (_, body, order) => {
  expect(service(body).update.order).toBe(order)
})

test('other keys keep what is written', () => {
  const { container, scale } = service(
    'user: 1000, working_dir: /srv, stop_signal: int, stop_grace: 5s, read_only: true, privileged: true, ulimits: { nofile: 10, core: "1:2" }, tmpfs: ["/run:size=1m"], ' +
      'devices: [/dev/fuse], capabilities: { add: [cap_net_admin], drop: [ALL] }, dns: 1.1.1.1, extra_hosts: { a: host-gateway, b: "::1" }, ' +
      'logging: { driver: json-file, options: { max-file: 3 } }, scale_policy: { min_replicas: 1, max_replicas: 3, target_cpu: 50 }',
  )
  expect(container).toMatchObject({
    user: '1000',
    workingDir: '/srv',
    stopSignal: 'SIGINT',
    stopGraceMs: 5000,
    readOnly: true,
    privileged: true,
    ulimits: [
      { name: 'nofile', soft: 10, hard: 10 },
      { name: 'core', soft: 1, hard: 2 },
    ],
    tmpfs: { '/run': 'size=1m' },
    devices: ['/dev/fuse:/dev/fuse:rwm'],
    capAdd: ['NET_ADMIN'],
    capDrop: ['ALL'],
    dns: ['1.1.1.1'],
    extraHosts: ['a:host-gateway', 'b:::1'],
    logging: { driver: 'json-file', options: { 'max-file': '3' } },
  })
  expect(scale).toEqual({
    minReplicas: 1,
    maxReplicas: 3,
    targetCpuPercent: 50,
    targetMemoryPercent: null,
    cooldownMs: 60_000,
  })
})

test('the boundaries of Go Orchestrator’s minimums are accepted', () => {
  const spec = service(
    'resources: { cpu_millicores: 5, memory_bytes: 16777216 }, scale_policy: { min_replicas: 1, max_replicas: 1, target_cpu: 5, target_memory: 10, cooldown_seconds: 30 }, health_check: { type: tcp, port: 65535, interval: 1, timeout: 0, retries: 0 }',
  )
  expect(spec.resources.cpuMillis).toBe(5)
})

test('anchors and merge keys share parts of services', () => {
  const services = load(
    'x-base: &base { image: nginx, env: { A: 1 } }\nservices:\n  one: { <<: *base, replicas: 2 }\n  two: { <<: [*base], image: other }',
  )
  expect([services['one']?.container.image, services['one']?.replicas, services['two']?.container.image]).toEqual([
    'nginx',
    2,
    'other',
  ])
})

test('the agent’s sections may stand in the same file, and only their unknown keys are notes', () => {
  const text =
    'env: production\nlisten_address: ":9000"\ncluster: { name: x, colour: blue, enable_operator: true }\nplugins: [hello]\nservices: {}'
  const { manifest, agentSections, notes } = loadManifest(text, null)
  expect(manifest).toEqual({ services: {}, placements: [] })
  expect(Object.keys(agentSections)).toEqual(['env', 'listen_address', 'cluster', 'plugins'])
  expect(notes.map(({ message }) => message)).toEqual([
    'listen_address is the old name of listen_addr',
    'the agent has no setting cluster.colour',
  ])
})

test('an empty file, and one with only the agent’s sections, lack services', () => {
  expect(loadManifest('', null).problems.map(({ message }) => message)).toEqual(['the file is empty'])
  expect(loadManifest('cluster: { name: x }', null).problems.map(({ message }) => message)).toEqual([
    'services is missing',
  ])
})

test('a service named like a method of objects cannot reach one', () => {
  const { problems } = loadManifest('services: { web: { image: x, dependencies: [toString] } }', null)
  expect(problems.map(({ message }) => message)).toEqual(['no service is named toString'])
})

test.each([
  { lease: '30s', exclusive: true, ms: 30_000, says: null },
  { lease: '10m', exclusive: true, ms: 600_000, says: null },
  { lease: '9s', exclusive: true, ms: null, says: 'a lease lasts from 10s to 10m' },
  { lease: '11m', exclusive: true, ms: null, says: 'a lease lasts from 10s to 10m' },
  { lease: 'soon', exclusive: true, ms: null, says: '"soon" is no time' },
  { lease: '30s', exclusive: false, ms: null, says: 'only an exclusive service has a lease' },
])('a lease of $lease with exclusive: $exclusive', ({ lease, exclusive, ms, says }) => {
  const { manifest, problems } = loadManifest(
    `services:\n  db:\n    command: [db]\n    exclusive: ${exclusive}\n    lease: ${lease}\n`,
    'db.yaml',
  )
  if (says === null) expect(manifest?.services['db']?.leaseMs).toBe(ms)
  else expect(problems).toMatchObject([{ path: 'services.db.lease', message: says, line: 5 }])
})
