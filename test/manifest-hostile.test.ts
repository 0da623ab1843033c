import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { type LoadedManifest, loadManifest } from '../src/core/manifest/load.ts'

const MiB = 1024 * 1024

/** What holds for any text: a manifest or problems, each at a place that the text has. */
function checkTotal(text: string): LoadedManifest {
  const loaded = loadManifest(text, null)
  expect(loaded.manifest === null).toBe(loaded.problems.length > 0)
  expect(loaded.problems.length).toBeLessThanOrEqual(201)
  const lines = text.split('\n').length
  for (const { line, column, message, path } of [...loaded.problems, ...loaded.notes]) {
    expect(line).toBeGreaterThanOrEqual(1)
    expect(line).toBeLessThanOrEqual(lines + 1)
    expect(column).toBeGreaterThanOrEqual(1)
    expect(message.length > 0 && message.length < 5000 && path.length > 0).toBe(true)
  }
  return loaded
}

const BOMB = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdefghij'].map((name, i) => `${name}: &${name} [${Array(10).fill(`*${'abcdefghij'[i]}`)}]`).join('\n')}`

test.each<[string, string]>([
  ['brackets without end', '['.repeat(MiB)],
  ['braces without end', '{a: '.repeat(MiB / 4)],
  ['lists in lists', '- '.repeat(MiB / 2)],
  ['question marks', '? '.repeat(MiB / 2)],
  ['colons', ':'.repeat(MiB)],
  ['line breaks', '\n'.repeat(MiB)],
  ['comments', '#\n'.repeat(MiB / 2)],
  ['directives', '%\n'.repeat(MiB / 2)],
  ['anchors', '& '.repeat(MiB / 2)],
  ['bars', '|'.repeat(MiB)],
  ['quotes', '"a" '.repeat(MiB / 4)],
  ['backslashes', `"${'\\'.repeat(MiB - 1)}`],
  ['documents', '---\n'.repeat(MiB / 4)],
  ['indentation', `a:\n${Array.from({ length: 1400 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')}`],
  ['an alias bomb', BOMB],
  ['a merge bomb', BOMB.replaceAll('[', '{<<: [').replaceAll(']', ']}').replace(/x,.*x/, '{y: 1}')],
  ['an alias in itself', 'a: &a [*a]'],
  ['a merge of itself', 'a: &a { <<: *a }'],
  ['more than a MiB', ' '.repeat(MiB + 1)],
  ['more than a MiB of bytes', 'ä'.repeat(MiB / 2 + 1)],
])('refuses or bears %s in bounded time', (_, text) => {
  expect(checkTotal(text).manifest).toBe(null)
})

test('four thousand services with mistakes are told in bounded time, the first two hundred of them', () => {
  const services = Array.from({ length: 4000 }, (_, i) => `  s${i}: { image: x, replica: 1, ports: [${i}:0] }`).join(
    '\n',
  )
  const { problems } = checkTotal(`services:\n${services}`)
  expect(problems.at(-1)?.message).toBe('there are more problems')
})

test('four thousand good services load', () => {
  const services = Array.from(
    { length: 4000 },
    (_, i) => `  s${i}: { image: x, ports: [80], dependencies: [s${i + 1}] }`,
  ).join('\n')
  const { manifest } = checkTotal(`services:\n${services}\n  s4000: { image: x }`)
  expect(Object.keys(manifest?.services ?? {})).toHaveLength(4001)
})

test('placements that inherit from each other by the thousand are resolved, and not multiplied without end', () => {
  const chain = Array.from({ length: 20_000 }, (_, i) => `  p${i}: { inherits: p${i + 1} }`).join('\n')
  const last = `  p20000: { services: { ${Array.from({ length: 20 }, (_, i) => `s${i}: {}`).join(', ')} } }`
  const { problems } = checkTotal(`placements:\n${chain}\n${last}\nservices: {}`)
  expect(problems.some(({ message }) => message.includes('more than 100000 times'))).toBe(true)
})

test('never throws, whatever the text is', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void checkTotal(text)))
  const signs = fc.string({ unit: fc.constantFrom(...'a:- \n[]{}&*!|>\'"%#?<,1.\t~'), maxLength: 60 })
  fc.assert(
    fc.property(signs, (text) => void checkTotal(text)),
    { numRuns: 2000 },
  )
})

const KEYS =
  'services placements name service_name image command env ports volumes resources limits health_check scale_policy dependencies options inherits memory seeds replicas mode probe labels tmpfs ulimits files logging capabilities type driver constructor __proto__ toString cluster backend nodes'.split(
    ' ',
  )
const WORDS = [
  'nginx',
  'web',
  '80:80',
  '512m',
  '-p 80:80',
  'global',
  '/a:/b:ro',
  'base(0.5)',
  '/health',
  'A=1',
  '',
  'x'.repeat(100),
]

const anyValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom<unknown>(...WORDS, null, true, 0, 1, 80, -1, 1.5, 1e300),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.constantFrom(...WORDS)), tie('value'), { maxKeys: 5 }),
  ),
})).value

test('never throws, whatever stands under the keys it knows', () => {
  const roots = fc.dictionary(fc.constantFrom(...KEYS), anyValue, { maxKeys: 4 })
  fc.assert(
    fc.property(roots, (root) => void checkTotal(stringify(root))),
    { numRuns: 300 },
  )
  const service = fc.dictionary(fc.constantFrom(...KEYS), anyValue, { maxKeys: 6 })
  const manifest = fc.record({
    services: fc.oneof(
      fc.array(service, { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('web', 'db', 'a b'), service),
    ),
    placements: fc.dictionary(
      fc.constantFrom('p', 'q'),
      fc.record({
        inherits: fc.constantFrom('p', 'q(0.5)', 'r'),
        services: fc.dictionary(fc.constantFrom('web', 'db'), service),
      }),
    ),
  })
  fc.assert(
    fc.property(manifest, (root) => void checkTotal(stringify(root))),
    { numRuns: 300 },
  )
})

test('mistakes in one service do not hide those of another', () => {
  const broken = fc.constantFrom(
    'replicas: x',
    'image: UP',
    'ports: [0]',
    'foo: 1',
    'restart_policy: x',
    'volumes: [x]',
  )
  fc.assert(
    fc.property(broken, broken, (first, second) => {
      const body = (line: string): string => (line.startsWith('image') ? line : `image: x\n    ${line}`)
      const { problems } = checkTotal(`services:\n  a:\n    ${body(first)}\n  b:\n    ${body(second)}\n`)
      expect([...new Set(problems.map(({ path }) => path.split('.')[1]))]).toEqual(['a', 'b'])
    }),
  )
})
