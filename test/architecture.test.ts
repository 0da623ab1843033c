import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

/** Each folder may import itself, the folders it names, and nothing else of ours. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  lib: [],
  core: ['lib'],
  ports: ['core', 'lib'],
  store: ['ports', 'core', 'lib'],
  control: ['store', 'ports', 'core', 'lib'],
  agent: ['ports', 'core', 'lib'],
  drivers: ['ports', 'core', 'lib'],
  transport: ['control', 'ports', 'core', 'lib'],
  cli: ['transport', 'main', 'ports', 'core', 'lib'],
  main: ['cli', 'transport', 'agent', 'control', 'drivers', 'store', 'ports', 'core', 'lib'],
}

/** What reaches a real disk, a socket or the event loop; everything else in that folder is as pure as the loops. */
const BACKENDS = /^store\/(?:sqlite|turn-end\.ts|zookeeper\/endpoint\.ts)/

const LOOPS = ['control', 'agent', 'store']
const RULES: readonly { readonly in: readonly string[]; readonly pattern: RegExp; readonly because: string }[] = [
  { in: ['core'], pattern: /\basync\b|\bawait\b|\bPromise\b/, because: 'core decides; it never waits' },
  {
    in: ['lib', 'core', ...LOOPS],
    pattern:
      /\bDate\b|Math\.random|\bperformance\b(?!:)|setTimeout|setInterval|setImmediate|randomUUID|AbortSignal\.timeout|queueMicrotask|process\.nextTick|\bfetch\(|\bIntl\b/,
    because: 'time and chance come from ports, or a simulated life could not be repeated',
  },
  {
    in: ['lib', 'core', 'ports', ...LOOPS],
    pattern: /from 'node:/,
    because: 'it runs anywhere, the simulator and the browser included',
  },
  { in: ['control', 'agent'], pattern: /console\./, because: 'loops write to the log port' },
  { in: Object.keys(MAY_IMPORT), pattern: /import\.meta/, because: 'what users install is one CommonJS bundle' },
  {
    in: Object.keys(MAY_IMPORT),
    pattern: /execSync|shell: true|\bexec\(`/,
    because: 'programs get argument lists, never shell strings',
  },
]

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .sort()

/** The text without comments: a rule's own words in a comment break nothing. */
function codeOf(path: string): string {
  return readFileSync(join('src', path), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
}

test.each(sources)('src/%s keeps to its layer', (path) => {
  const layer = path.split('/')[0] ?? ''
  const code = codeOf(path)
  const imported = [...code.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, to]) =>
    relative('.', join(dirname(path), to ?? '')),
  )
  const reached = new Set(imported.map((to) => to.split('/')[0] ?? '').filter((to) => to !== layer))
  expect([...reached].filter((to) => !MAY_IMPORT[layer]?.includes(to))).toEqual([])

  const broken = RULES.filter(
    (rule) => rule.in.includes(layer) && !(BACKENDS.test(path) && rule.in.includes('store')) && rule.pattern.test(code),
  )
  expect(broken.map((rule) => rule.because)).toEqual([])
})

test('ports are interfaces: the only values are pure helpers over them', () => {
  const values = sources
    .filter((path) => path.startsWith('ports/'))
    .flatMap((path) =>
      [...codeOf(path).matchAll(/^export (?:class|let|var) (\w+)/gm)].map(([, name]) => `${path}: ${name}`),
    )
  expect(values).toEqual([])
})

test('no file is longer than the house allows', () => {
  const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path: join('test', path), limit: 600 }))
  const own = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path: join('src', path), limit: path.endsWith('.test.ts') ? 600 : 400 }))
  const long = [...own, ...tests].filter(({ path, limit }) => readFileSync(path, 'utf8').split('\n').length > limit + 1)
  expect(long.map(({ path }) => path)).toEqual([])
})

test('test names are unique, so that a name finds its test', () => {
  const files = [...readdirSync('src', { recursive: true, encoding: 'utf8' }).map((path) => join('src', path))]
    .concat(readdirSync('test', { recursive: true, encoding: 'utf8' }).map((path) => join('test', path)))
    .filter((path) => path.endsWith('.test.ts'))
  const seen = new Map<string, string>()
  const repeated: string[] = []
  for (const file of files) {
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/^test\('([^']+)'/gm)) {
      const before = seen.get(name)
      if (before !== undefined) repeated.push(`${file} and ${before}: ${name}`)
      seen.set(name, file)
    }
  }
  expect(repeated).toEqual([])
})
