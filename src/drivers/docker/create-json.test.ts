import { expect, test } from 'vitest'
import { aContainer } from '../../../test/builders.ts'
import { NO_LIMITS } from '../../core/manifest/normalize-limits.ts'
import type { ContainerSpec, Limits } from '../../core/model/service.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'
import { createJson } from './create-json.ts'

const BARE = aContainer({ image: 'web:1', stopGraceMs: 10_000 })

const LABELS = {
  'gantry.cluster': 'c0ffee00c0ffee00',
  'gantry.task': 'web.2.3',
  'gantry.service': 'web',
  'gantry.slot': '2',
  'gantry.attempt': '3',
  'gantry.spec-hash': 'abc',
}

const BARE_HOST = {
  NetworkMode: 'bridge',
  RestartPolicy: { Name: 'no' },
  PortBindings: {},
  Binds: [],
  Mounts: [],
  Dns: [],
  ExtraHosts: [],
  CapAdd: [],
  CapDrop: [],
  Privileged: false,
  ReadonlyRootfs: false,
  Tmpfs: {},
  Ulimits: [],
  Devices: [],
  Init: false,
}

const BARE_JSON = { Image: 'web:1', Env: [], Labels: LABELS, StopTimeout: 10, ExposedPorts: {}, HostConfig: BARE_HOST }

function made(spec: Partial<ContainerSpec>, order: Partial<ContainerOrder> = {}, unsupported = {}): object {
  const whole = { ...BARE, ...spec }
  return createJson(
    {
      taskId: 'web.2.3',
      service: 'web',
      slot: 2,
      attempt: 3,
      specHash: 'abc',
      spec: whole,
      hostPorts: [],
      memoryBytes: whole.limits.memoryBytes,
      ...order,
    },
    { clusterId: 'c0ffee00c0ffee00', dataDir: '/data', unsupported },
  )
}

const host = (part: object): object => ({ HostConfig: { ...BARE_HOST, ...part } })
const limited = (part: Partial<Limits>): Partial<ContainerSpec> => ({ limits: { ...NO_LIMITS, ...part } })

test('a spec that asks for nothing leaves the image and the engine as they are', () => {
  expect(made({})).toEqual(BARE_JSON)
})

test.each<{ field: string; spec: Partial<ContainerSpec>; json: object }>([
  { field: 'image', spec: { image: 'db:2' }, json: { Image: 'db:2' } },
  { field: 'entrypoint', spec: { entrypoint: ['/a', 'b'] }, json: { Entrypoint: ['/a', 'b'] } },
  { field: 'command', spec: { command: [] }, json: { Cmd: [] } },
  { field: 'env', spec: { env: { A: 'b=c', D: '' } }, json: { Env: ['A=b=c', 'D='] } },
  {
    field: 'ports',
    spec: { ports: [{ container: 53, host: null, protocol: 'udp' }] },
    json: { ExposedPorts: { '53/udp': {} } },
  },
  {
    field: 'mounts.bind',
    spec: {
      mounts: [
        { kind: 'bind', source: '/a', target: '/b', readOnly: false },
        { kind: 'bind', source: '/c', target: '/d', readOnly: true },
      ],
    },
    json: host({ Binds: ['/a:/b', '/c:/d:ro'] }),
  },
  {
    field: 'mounts.volume',
    spec: { mounts: [{ kind: 'volume', source: 'v', target: '/v', readOnly: true }] },
    json: host({
      Mounts: [
        {
          Type: 'volume',
          Source: 'v',
          Target: '/v',
          ReadOnly: true,
          VolumeOptions: { Labels: { 'gantry.cluster': 'c0ffee00c0ffee00' } },
        },
      ],
    }),
  },
  {
    field: 'mounts.data',
    spec: { mounts: [{ kind: 'data', target: '/d' }] },
    json: host({ Binds: ['/data/volumes/web:/d'] }),
  },
  { field: 'networkMode', spec: { networkMode: 'host', network: 'shop' }, json: host({ NetworkMode: 'host' }) },
  {
    field: 'network',
    spec: { network: 'shop' },
    json: {
      ...host({ NetworkMode: 'shop' }),
      NetworkingConfig: { EndpointsConfig: { shop: { Aliases: ['web'] } } },
    },
  },
  { field: 'dns', spec: { dns: ['10.0.0.1'] }, json: host({ Dns: ['10.0.0.1'] }) },
  { field: 'extraHosts', spec: { extraHosts: ['db:10.0.0.2'] }, json: host({ ExtraHosts: ['db:10.0.0.2'] }) },
  { field: 'hostname', spec: { hostname: 'gate' }, json: { Hostname: 'gate' } },
  { field: 'user', spec: { user: '1:2' }, json: { User: '1:2' } },
  { field: 'workingDir', spec: { workingDir: '/w' }, json: { WorkingDir: '/w' } },
  {
    field: 'labels',
    spec: { labels: { team: 'blue', 'gantry.task': 'stolen' } },
    json: { Labels: { team: 'blue', ...LABELS } },
  },
  { field: 'capAdd', spec: { capAdd: ['NET_ADMIN'] }, json: host({ CapAdd: ['NET_ADMIN'] }) },
  { field: 'capDrop', spec: { capDrop: ['ALL'] }, json: host({ CapDrop: ['ALL'] }) },
  { field: 'privileged', spec: { privileged: true }, json: host({ Privileged: true }) },
  { field: 'readOnly', spec: { readOnly: true }, json: host({ ReadonlyRootfs: true }) },
  { field: 'tmpfs', spec: { tmpfs: { '/t': 'size=1m' } }, json: host({ Tmpfs: { '/t': 'size=1m' } }) },
  {
    field: 'ulimits',
    spec: { ulimits: [{ name: 'nofile', soft: 1, hard: 2 }] },
    json: host({ Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }] }),
  },
  {
    field: 'devices',
    spec: { devices: ['/dev/a', '/dev/a:/dev/b', '/dev/a:/dev/b:r'] },
    json: host({
      Devices: [
        { PathOnHost: '/dev/a', PathInContainer: '/dev/a', CgroupPermissions: 'rwm' },
        { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'rwm' },
        { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' },
      ],
    }),
  },
  {
    field: 'logging',
    spec: { logging: { driver: 'local', options: { 'max-size': '1m' } } },
    json: host({ LogConfig: { Type: 'local', Config: { 'max-size': '1m' } } }),
  },
  { field: 'limits.cpuMillis', spec: limited({ cpuMillis: 250 }), json: host({ NanoCpus: 250_000_000 }) },
  { field: 'limits.cpuMillis', spec: limited({ cpuMillis: 5 }), json: host({ CpuPeriod: 200_000, CpuQuota: 1_000 }) },
  { field: 'limits.memoryBytes', spec: limited({ memoryBytes: 5 }), json: host({ Memory: 5 }) },
  { field: 'limits.memorySwapBytes', spec: limited({ memorySwapBytes: -1 }), json: host({ MemorySwap: -1 }) },
  { field: 'limits.kernelMemoryBytes', spec: limited({ kernelMemoryBytes: 7 }), json: host({ KernelMemory: 7 }) },
  { field: 'limits.memorySwappiness', spec: limited({ memorySwappiness: 0 }), json: host({ MemorySwappiness: 0 }) },
  { field: 'limits.cpuShares', spec: limited({ cpuShares: 512 }), json: host({ CpuShares: 512 }) },
  { field: 'limits.cpusetCpus', spec: limited({ cpusetCpus: '0-1' }), json: host({ CpusetCpus: '0-1' }) },
  { field: 'limits.blkioWeight', spec: limited({ blkioWeight: 300 }), json: host({ BlkioWeight: 300 }) },
  { field: 'init', spec: { init: true }, json: host({ Init: true }) },
  { field: 'stopSignal', spec: { stopSignal: 'SIGQUIT' }, json: { StopSignal: 'SIGQUIT' } },
  { field: 'stopGraceMs', spec: { stopGraceMs: 1_001 }, json: { StopTimeout: 2 } },
])('$field of a spec reaches the engine', ({ spec, json }) => {
  expect(made(spec)).toEqual({ ...BARE_JSON, ...json })
})

test('the memory limit is the one of the order, where a percentage is resolved', () => {
  expect(made(limited({ memoryPercent: 10 }), { memoryBytes: 99 })).toEqual({ ...BARE_JSON, ...host({ Memory: 99 }) })
})

test('host ports are bound, several to one port too', () => {
  const hostPorts = [
    { container: 80, host: 8080, protocol: 'tcp' },
    { container: 80, host: 8081, protocol: 'tcp' },
    { container: 53, host: 5353, protocol: 'udp' },
  ] as const
  const PortBindings = { '80/tcp': [{ HostPort: '8080' }, { HostPort: '8081' }], '53/udp': [{ HostPort: '5353' }] }
  expect(made({}, { hostPorts })).toEqual({ ...BARE_JSON, ...host({ PortBindings }) })
})

test('a limit that the engine cannot honour is left out', () => {
  const spec = limited({ blkioWeight: 300, cpuShares: 512 })
  expect(made(spec, {}, { 'limits.blkioWeight': 'no' })).toEqual({ ...BARE_JSON, ...host({ CpuShares: 512 }) })
})

test.each([
  ['relative', '/b', 'not an absolute path'],
  ['/a:b', '/b', 'has a colon'],
  ['/a', '/b:c', 'has a colon'],
])('a bind of %s to %s is refused: an engine would misread it', (source, target, why) => {
  const mounts = [{ kind: 'bind', source, target, readOnly: false }] as const
  expect(() => made({ mounts })).toThrow(
    expect.objectContaining({ code: 'RUNTIME_REFUSED', message: expect.stringContaining(why) }),
  )
})
