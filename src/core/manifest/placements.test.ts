import { expect, test } from 'vitest'
import type { ServiceSpec } from '../model/service.ts'
import { loadManifest } from './load.ts'

function load(placements: string, services = '{ web: { image: x } }'): Readonly<Record<string, ServiceSpec>> {
  const { manifest, problems } = loadManifest(`placements: ${placements}\nservices: ${services}`, null)
  expect(problems).toEqual([])
  return manifest?.services ?? {}
}

test('a service that placements name runs on each node of them', () => {
  const { web } = load('{ a: { services: { web: {} } }, b: { services: { web: } } }')
  expect([web?.mode, web?.replicas, web?.placements, web?.variants]).toEqual(['global', 0, ['a', 'b'], {}])
})

test('a number makes it replicated over the nodes of the placement', () => {
  const byInstances = load('{ a: { services: { web: { instances: 3 } } } }')['web']
  const byReplicas = load('{ a: { services: { web: {} } } }', '{ web: { image: x, replicas: 3 } }')['web']
  for (const web of [byInstances, byReplicas])
    expect([web?.mode, web?.replicas, web?.placements]).toEqual(['replicated', 3, ['a']])
})

test('a service may choose its placement itself', () => {
  const { web } = load(
    '{ a: { services: { other: {} } } }',
    '{ web: { image: x, placements: [a, edge] }, other: { image: x } }',
  )
  expect([web?.mode, web?.replicas, web?.placements]).toEqual(['replicated', 1, ['a', 'edge']])
})

test('a placement’s limits are set aside and enforced, in both spellings', () => {
  const { web } = load(
    '{ a: { services: { web: { memory: 512m, memory-swap: 1g, memory_swappiness: 0, cpus: 0.5, cpu-shares: 10, cpuset-cpus: 0, blkio-weight: 10, seeds: 2, ports: { 80: 8080 } } } } }',
  )
  expect(web?.container.limits).toEqual({
    cpuMillis: 500,
    memoryBytes: 512 * 1024 ** 2,
    memoryPercent: null,
    memorySwapBytes: 1024 ** 3,
    kernelMemoryBytes: null,
    memorySwappiness: 0,
    cpuShares: 10,
    cpusetCpus: '0',
    blkioWeight: 10,
  })
  expect(web?.resources).toEqual({ cpuMillis: 500, memoryBytes: 512 * 1024 ** 2, diskBytes: 0 })
  expect([web?.seeds, web?.container.ports]).toEqual([2, [{ container: 8080, host: 80, protocol: 'tcp' }]])
})

test('memory as a percentage replaces an amount', () => {
  const { web } = load('{ a: { services: { web: { memory: 50% } } } }', '{ web: { image: x, limits: { memory: 1g } } }')
  expect([web?.container.limits.memoryPercent, web?.container.limits.memoryBytes]).toEqual([50, null])
})

test('inherits takes services over, scales memory and processors, and lets own words win', () => {
  const services = load(
    '{ base: { services: { web: { memory: 1000, cpus: 1, cpu-shares: 7 }, db: { memory: 100, seeds: 1 } } }, small: { inherits: "base(0.7)", services: { db: { memory: 64m } } }, same: { inherits: base } }',
    '{ web: { image: x }, db: { image: x } }',
  )
  const of = (name: string) => {
    const spec = services[name]
    const rows = [
      ['base', spec?.container.limits] as const,
      ...Object.entries(spec?.variants ?? {}).map(([key, variant]) => [key, variant.limits] as const),
    ]
    return rows.map(([key, limits]) => `${key} ${limits?.memoryBytes} ${limits?.cpuMillis} ${limits?.cpuShares}`)
  }
  expect(services['web']?.placements).toEqual(['base', 'small', 'same'])
  expect(of('web')).toEqual(['base 1000 1000 7', 'small 700 700 7'])
  expect(of('db')).toEqual(['base 100 null null', 'small 67108864 null null'])
  expect(services['db']?.variants['small']?.seeds).toBe(1)
})

test('inheritance does not depend on the order of the placements', () => {
  const { web } = load('{ c: { inherits: b }, b: { inherits: "a(0.5)" }, a: { services: { web: { memory: 1000 } } } }')
  expect([web?.placements, web?.container.limits.memoryBytes, Object.keys(web?.variants ?? {})]).toEqual([
    ['c', 'b', 'a'],
    500,
    ['a'],
  ])
})

test('without a placement or a number nothing runs, and a note says so', () => {
  const { manifest, notes } = loadManifest(
    'placements: { a: { services: { web: {} } } }\nservices: { web: { image: x, dependencies: [db] }, db: { image: x } }',
    null,
  )
  expect(manifest?.services['db']?.replicas).toBe(0)
  expect(notes.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([
    '2:45 web depends on db, of which nothing runs',
    '2:52 no placement names this service and it has no replicas: nothing will run',
  ])
})
