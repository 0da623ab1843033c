import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aService } from '../../../test/builders.ts'
import type { ServiceSpec } from '../model/service.ts'
import { diffSpec, specHash } from './diff.ts'

const lines = (from: ServiceSpec, to: ServiceSpec): string[] =>
  diffSpec(from, to).map(({ field, from: before, to: after, effect }) => `${field}: ${before} → ${after} (${effect})`)

const web = aService()

test.each<[string, ServiceSpec, readonly string[]]>([
  ['nothing', web, []],
  [
    'the image',
    aService({ container: { image: 'example/web:2' } }),
    ['image: example/web:1 → example/web:2 (replace)'],
  ],
  ['replicas', aService({ replicas: 5 }), ['replicas: 1 → 5 (in-place)']],
  ['the restart policy', aService({ restart: 'no' }), ['restart_policy: always → no (in-place)']],
  [
    'variables',
    aService({ container: { env: { A: '1', B: '' } } }),
    ['env.A: (none) → 1 (replace)', 'env.B: (none) → "" (replace)'],
  ],
  [
    'a secret variable',
    aService({ container: { env: { DB_PASSWORD: 'hunter2' } } }),
    ['env.DB_PASSWORD: (none) → set (replace)'],
  ],
  [
    'an address with a password',
    aService({ container: { env: { DB: 'pg://u:hunter2@h/d' } } }),
    ['env.DB: (none) → pg://u:…@h/d (replace)'],
  ],
  [
    'ports and volumes',
    aService({
      container: {
        ports: [{ container: 80, host: null, protocol: 'tcp' }],
        mounts: [
          { kind: 'bind', source: '/a', target: '/b', readOnly: true },
          { kind: 'data', target: '/data' },
        ],
      },
    }),
    ['ports: (none) → any:80/tcp (replace)', 'volumes: (none) → /a:/b:ro, (own directory):/data (replace)'],
  ],
  [
    'limits and what is set aside',
    aService({
      container: { limits: { ...web.container.limits, memoryBytes: 512 * 1024 ** 2, cpuMillis: 500 } },
      resources: { ...web.resources, memoryBytes: 1024 ** 3 },
    }),
    [
      'limits.cpus: (none) → 0.5 (replace)',
      'limits.memory: (none) → 512 MiB (replace)',
      'resources.memory: 0 bytes → 1 GiB (in-place)',
    ],
  ],
  [
    'a dependency without a variable',
    aService({ dependencies: [{ service: 'db', env: null }] }),
    ['dependencies: (none) → db (in-place)'],
  ],
  [
    'a dependency with a variable',
    aService({ dependencies: [{ service: 'db', env: 'DB' }] }),
    ['dependencies: (none) → db as DB (replace)'],
  ],
  ['the grace', aService({ container: { stopGraceMs: 5000 } }), ['stop_grace_period: 30 s → 5 s (in-place)']],
  ['a restart by hand', aService({ restartCount: 1 }), ['restarts: 0 → 1 (replace)']],
])('tells a difference in %s', (_, to, expected) => {
  expect(lines(web, to)).toEqual(expected)
})

test('a changed secret shows neither value', () => {
  const of = (API_TOKEN: string) => aService({ container: { env: { API_TOKEN } } })
  expect(lines(of('before'), of('after'))).toEqual(['env.API_TOKEN: set → changed (replace)'])
})

test('placements of a global service change in place, those of another need new tasks', () => {
  const of = (mode: 'global' | 'replicated', placements: string[]) => aService({ mode, placements })
  expect(lines(of('global', ['a']), of('global', ['a', 'b']))).toEqual(['placements: a → a, b (in-place)'])
  expect(lines(of('replicated', ['a']), of('replicated', ['b']))).toEqual(['placements: a → b (replace)'])
})

/** Specs that differ in few places, so that pairs are often nearly equal. */
const anySpec = fc
  .record({
    mode: fc.constantFrom('replicated' as const, 'global' as const, 'job' as const),
    replicas: fc.nat(2),
    placements: fc.subarray(['a', 'b']),
    restart: fc.constantFrom('no' as const, 'always' as const),
    resources: fc.record({ cpuMillis: fc.nat(1), memoryBytes: fc.nat(1), diskBytes: fc.nat(1) }),
    dependencies: fc.subarray([
      { service: 'db', env: null },
      { service: 'db', env: 'DB' },
      { service: 'cache', env: null },
    ]),
    exclusive: fc.boolean(),
    seeds: fc.nat(1),
    files: fc.dictionary(fc.constantFrom('a', 'toString'), fc.constantFrom('/x', '/y')),
    restartCount: fc.nat(1),
    container: fc.record({
      image: fc.constantFrom('a', 'b', null),
      command: fc.constantFrom(null, ['a'], ['a', 'b']),
      env: fc.dictionary(fc.constantFrom('A', 'SECRET', 'constructor'), fc.constantFrom('', '1', '2')),
      init: fc.boolean(),
      stopGraceMs: fc.nat(1),
      stopSignal: fc.constantFrom(null, 'SIGINT'),
      tmpfs: fc.dictionary(fc.constantFrom('/run'), fc.constantFrom('', 'size=1m')),
      logging: fc.constantFrom(null, { driver: 'none', options: {} }),
    }),
  })
  .map((change) => aService(change))

test('a spec differs from itself in nothing', () => {
  fc.assert(
    fc.property(anySpec, (spec) => {
      expect(diffSpec(spec, structuredClone(spec))).toEqual([])
    }),
  )
})

test('the hash changes if and only if a difference needs new tasks', () => {
  fc.assert(
    fc.property(anySpec, anySpec, (a, b) => {
      const replaces = diffSpec(a, b).some(({ effect }) => effect === 'replace')
      expect(specHash(a) !== specHash(b)).toBe(replaces)
    }),
    { numRuns: 500 },
  )
})

test('a difference never shows the value of a variable that looks like a secret', () => {
  const names = fc.constantFrom('PASSWORD', 'DB_PASS', 'API_KEY', 'apiToken', 'AWS_SECRET_ACCESS_KEY', 'SESSION_COOKIE')
  fc.assert(
    fc.property(names, fc.constantFrom('', 'old-value-1'), (name, before) => {
      const of = (value: string) => aService({ container: { env: { [name]: value } } })
      expect(JSON.stringify(diffSpec(of(before), of('new-value-2')))).not.toMatch(/value-\d/)
    }),
  )
})
