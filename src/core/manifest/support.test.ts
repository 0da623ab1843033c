import { expect, test } from 'vitest'
import { aContainer, aHealthCheck, aService } from '../../../test/builders.ts'
import type { RuntimeDescription } from '../model/node.ts'
import { FIELD_SUPPORT, refusedFeatures, unsupportedFields } from './support.ts'

const runtime = (
  kind: 'docker' | 'process',
  unsupported: Readonly<Record<string, string>> = {},
): RuntimeDescription => ({
  kind,
  available: true,
  version: '1',
  message: '',
  unsupported,
})

const aProcess = (change: Parameters<typeof aContainer>[0] = {}) =>
  aService({ container: { image: null, command: ['run'], ...change } })

test('a plain service uses nothing that its runtime lacks', () => {
  expect(unsupportedFields(aService(), runtime('docker'))).toEqual([])
  expect(unsupportedFields(aProcess(), runtime('process'))).toEqual([])
})

test('names what a process cannot be given, in the words of the manifest', () => {
  const spec = aProcess({
    dns: ['1.1.1.1'],
    capAdd: ['KILL'],
    networkMode: 'none',
    mounts: [{ kind: 'bind', source: '/a', target: '/b', readOnly: false }],
  })
  const shared = 'a process shares the file system, network and rights of the node'
  expect(unsupportedFields(spec, runtime('process'))).toEqual([
    { field: 'volumes', because: shared, refused: false },
    { field: 'network_mode', because: shared, refused: false },
    { field: 'dns', because: shared, refused: false },
    { field: 'capabilities.add', because: shared, refused: false },
  ])
})

test('the network of the node is what a process has anyway', () => {
  expect(unsupportedFields(aProcess({ networkMode: 'host' }), runtime('process'))).toEqual([])
})

test('names what this machine lacks, with the reason of its runtime', () => {
  const { limits } = aContainer()
  const limited = aService({ container: { limits: { ...limits, memorySwappiness: 5, memoryBytes: 5 } } })
  expect(
    unsupportedFields(limited, runtime('docker', { 'limits.memorySwappiness': 'not with control groups 2' })),
  ).toEqual([{ field: 'limits.memory_swappiness', because: 'not with control groups 2', refused: false }])
  expect(unsupportedFields(aProcess({ user: 'nobody' }), runtime('process', { user: 'only root may' }))).toEqual([
    { field: 'user', because: 'only root may', refused: true },
  ])
})

test('says nothing of a runtime that the service does not use', () => {
  expect(unsupportedFields(aProcess({ dns: ['1.1.1.1'] }), runtime('docker', { dns: 'no' }))).toEqual([])
})

test('scaling by load is named as not there yet', () => {
  const scale = { minReplicas: 1, maxReplicas: 2, targetCpuPercent: 50, targetMemoryPercent: null, cooldownMs: 60_000 }
  expect(unsupportedFields(aService({ scale }), runtime('docker')).map(({ field }) => field)).toEqual(['scale_policy'])
})

test('refuses by name what needs the overlay network, files, and settings by placement', () => {
  const { limits, ports } = aContainer()
  const { resources } = aService()
  const spec = aService({
    seeds: 1,
    dependencies: [
      { service: 'db', env: 'DB' },
      { service: 'cache', env: null },
    ],
    files: { conf: '/data/conf' },
    variants: { edge: { ports, limits, resources, seeds: 0 } },
  })
  expect(refusedFeatures(spec).map(({ feature, field }) => `${feature} ${field}`)).toEqual([
    'overlay seeds',
    'overlay dependencies.db.env',
    'files files',
  ])
  expect(refusedFeatures(aService({ health: aHealthCheck() }))).toEqual([])
})

test('the table has a row for every field of a container', () => {
  const rows = new Set(Object.keys(FIELD_SUPPORT).map((field) => field.split('.')[0]))
  expect(Object.keys(aContainer()).filter((field) => !rows.has(field))).toEqual([])
  const limits = Object.keys(FIELD_SUPPORT).filter((field) => field.startsWith('limits.'))
  expect(limits).toEqual(Object.keys(aContainer().limits).map((name) => `limits.${name}`))
})

test('every row knows when its field is set', () => {
  const value = 'set'
  const container = aContainer({
    entrypoint: [value],
    command: [value],
    env: { A: value },
    ports: [{ container: 80, host: null, protocol: 'tcp' }],
    mounts: [
      { kind: 'bind', source: '/a', target: '/b', readOnly: false },
      { kind: 'volume', source: 'a', target: '/c', readOnly: false },
      { kind: 'data', target: '/data' },
    ],
    networkMode: 'none',
    network: value,
    dns: [value],
    extraHosts: [value],
    hostname: value,
    user: value,
    workingDir: value,
    labels: { a: value },
    capAdd: [value],
    capDrop: [value],
    privileged: true,
    readOnly: true,
    tmpfs: { '/run': '' },
    ulimits: [{ name: 'core', soft: 1, hard: 1 }],
    devices: [value],
    logging: { driver: 'none', options: {} },
    limits: {
      cpuMillis: 1,
      memoryBytes: 1,
      memoryPercent: 1,
      memorySwapBytes: 1,
      kernelMemoryBytes: 1,
      memorySwappiness: 0,
      cpuShares: 1,
      cpusetCpus: '0',
      blkioWeight: 1,
    },
    init: true,
    stopSignal: value,
  })
  const scale = { minReplicas: 1, maxReplicas: 2, targetCpuPercent: 50, targetMemoryPercent: null, cooldownMs: 60_000 }
  const resources = { cpuMillis: 1, memoryBytes: 1, diskBytes: 1 }
  const spec = aService({ container, scale, resources, health: aHealthCheck(), repair: [value], inspect: [value] })
  const nothing = runtime('docker', Object.fromEntries(Object.keys(FIELD_SUPPORT).map((field) => [field, 'no'])))
  expect(unsupportedFields(spec, nothing)).toHaveLength(Object.keys(FIELD_SUPPORT).length)
  const bare = unsupportedFields(aService(), nothing)
  expect(bare.map(({ field }) => field)).toEqual(['image', 'stop_grace_period'])
})
