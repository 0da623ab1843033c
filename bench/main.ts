import { globSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { benchmarksPage } from './document.ts'
import { type BenchOptions, type BenchResult, saveResult } from './frame.ts'

/**
 * Runs the benches named on the command line, or all: every `bench/<name>.bench.ts` exports `run`. `--long`: those that
 * watch for some time watch for longer. `--rounds N`: those that take so long that one may want fewer take so many. Results go to bench/results and docs/benchmarks.md. Ends with 1 when a goal is
 * missed.
 */
const { values, positionals: named } = parseArgs({
  allowPositionals: true,
  options: { long: { type: 'boolean', default: false }, rounds: { type: 'string' } },
})
const options: BenchOptions = {
  long: values.long,
  rounds: values.rounds === undefined ? null : Number(values.rounds),
}
const files = globSync('bench/*.bench.ts').sort()
const known = files.map((file) => basename(file, '.bench.ts'))
const unknown = named.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(', ')}; there are ${known.join(', ')}\n`)
  process.exit(2)
}

const results: BenchResult[] = []
for (const name of known.filter((one) => named.length === 0 || named.includes(one))) {
  process.stderr.write(`${name} ...\n`)
  const module = (await import(pathToFileURL(join(process.cwd(), `bench/${name}.bench.ts`)).href)) as {
    run: (options: BenchOptions) => Promise<BenchResult | readonly BenchResult[]>
  }
  const result = await module.run(options)
  results.push(...(Array.isArray(result) ? result : [result as BenchResult]))
}
for (const result of results) saveResult(result)
writeFileSync('docs/benchmarks.md', benchmarksPage())
const width = Math.max(...results.map(({ name }) => name.length))
for (const { name, text, goal, met } of results) {
  const verdict = met === null ? '' : met ? '  met: ' : '  MISSED: '
  process.stdout.write(
    `${name.padEnd(width)}  ${text}\n${verdict === '' ? '' : `${' '.repeat(width)}${verdict}${goal}\n`}`,
  )
}
process.exitCode = results.some(({ met }) => met === false) ? 1 : 0
