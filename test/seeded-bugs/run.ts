import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** What a bug's tree needs of the checkout. */
const COPIED = ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']
const UNIT = [
  ...['node', 'plan', 'service', 'schedule', 'incarnation', 'replica'].map((part) => `src/core/${part}`),
  ...['src/agent', 'src/control'],
]

interface Verdict {
  readonly caughtBy: string | null
  /** Why nothing could be said, e.g. because the patch no longer applies. */
  readonly problem: string | null
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    lives: { type: 'string', default: '1000' },
    /** So many of those find each of them; one takes as long as three small ones. */
    'cluster-lives': { type: 'string', default: '600' },
    /** And so many those of servers that keep the state in their memories. */
    'memory-lives': { type: 'string', default: '200' },
    /** Asks the unit tests too when lives have caught the bug. */
    all: { type: 'boolean', default: false },
  },
})

type Shape = 'small' | 'cluster' | 'memory'

/** Bugs of these numbers need several servers or nodes, or servers without a store; each is looked for where it can show. */
const SHAPES: readonly { readonly shape: Shape; readonly first: number; readonly last: number }[] = [
  { shape: 'cluster', first: 38, last: 59 },
  { shape: 'cluster', first: 67, last: 73 },
  { shape: 'memory', first: 79, last: 85 },
  { shape: 'cluster', first: 86, last: 86 },
]

const root = process.cwd()
/** The tree as it was at the beginning, whatever happens to it meanwhile. */
const base = mkdtempSync(join(tmpdir(), 'seeded-bugs-'))
for (const part of COPIED) cpSync(join(root, part), join(base, part), { recursive: true })
symlinkSync(join(root, 'node_modules'), join(base, 'node_modules'))
const here = join(root, 'test', 'seeded-bugs')
const patches = readdirSync(here).filter((name) => name.endsWith('.patch') && name.startsWith(values.only ?? ''))
const shapes = new Set(patches.map((patch) => shapeFor(patch)))
// What fails without any bug proves nothing, so each shape that is used must hold by itself first.
for (const shape of shapes) {
  const sound = askLives(base, shape)
  if (sound.caughtBy === null && sound.problem === null) continue
  process.stdout.write(`without any bug, ${shape}: ${sound.caughtBy ?? sound.problem}\n`)
  process.exit(1)
}
let missed = 0
for (const patch of patches.sort()) {
  const { caughtBy, problem } = hunt(patch)
  if (caughtBy === null) missed += 1
  process.stdout.write(`${patch.replace('.patch', '').padEnd(28)} ${problem ?? caughtBy ?? 'NOT CAUGHT'}\n`)
}
rmSync(base, { recursive: true, force: true })
process.stdout.write(`${patches.length} bugs, ${patches.length - missed} caught\n`)
process.exitCode = missed === 0 && patches.length > 0 ? 0 : 1

/** Seeds one bug into a copy of the tree and looks whether anything notices. */
function hunt(patch: string): Verdict {
  const tree = mkdtempSync(join(tmpdir(), 'seeded-bug-'))
  try {
    cpSync(base, tree, { recursive: true, verbatimSymlinks: true })
    const applied = spawnSync('git', ['apply', join(here, patch)], { cwd: tree, encoding: 'utf8' })
    if (applied.status !== 0) return { caughtBy: null, problem: `does not apply: ${applied.stderr.trim()}` }
    const byLives = askLives(tree, shapeFor(patch))
    if (byLives.problem !== null || (byLives.caughtBy !== null && !values.all)) return byLives
    const byTests = askTests(tree)
    const both = [byLives.caughtBy, byTests.caughtBy].filter((one) => one !== null)
    return { caughtBy: both.length === 0 ? null : both.join('; and '), problem: byTests.problem }
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}

function shapeFor(patch: string): Shape {
  const number = Number(patch.slice(0, 2))
  return SHAPES.find(({ first, last }) => first <= number && number <= last)?.shape ?? 'small'
}

function askLives(tree: string, shape: Shape): Verdict {
  const lives = shape === 'small' ? values.lives : values[`${shape}-lives`]
  const run = spawnSync(process.execPath, [join('test', 'sim', 'main.ts'), '--lives', lives, '--shape', shape], {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const found = /^life (\d+) (failed: .*|went another way.*)$/m.exec(run.stdout)
  if (found !== null)
    return { caughtBy: `${shape} life ${found[1]}: ${found[2]?.replace('failed: ', '')}`, problem: null }
  return {
    caughtBy: null,
    problem: run.status === 0 ? null : `the lives could not be run: ${run.stderr.slice(0, 500)}`,
  }
}

function askTests(tree: string): Verdict {
  const vitest = join('node_modules', 'vitest', 'vitest.mjs')
  const report = join(tree, 'report.json')
  const reporting = ['--reporter=json', `--outputFile.json=${report}`]
  const run = spawnSync(process.execPath, [vitest, 'run', '--project', 'unit', ...reporting, ...UNIT], {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const found = /"fullName":"([^"]*)","status":"failed"/.exec(readFileSync(report, 'utf8'))
  if (found !== null) return { caughtBy: `unit tests: ${found[1]}`, problem: null }
  return {
    caughtBy: null,
    problem: run.status === 0 ? null : `the tests could not be run: ${run.stderr.slice(0, 500)}`,
  }
}
