import { readdirSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { live } from './life.ts'

/** Files of the loops that hold types only, so that nothing of them is left to run. */
const TYPES_ONLY = ['src/control/api.ts']

test('lives run through every file of the loops', async () => {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  for (let rngSeed = 1; rngSeed <= 60; rngSeed++) await live({ rngSeed })
  const { result } = await session.post('Profiler.takePreciseCoverage')
  session.disconnect()

  const called = new Map<string, number>()
  for (const { url, functions } of result) {
    // The first function of a script is the script itself, which runs when it is imported.
    const count = functions.filter(
      ({ functionName, ranges }) => functionName !== '' && (ranges[0]?.count ?? 0) > 0,
    ).length
    for (const folder of ['control', 'agent']) {
      if (url.includes(`/src/${folder}/`)) called.set(`src/${folder}/${basename(url).replace(/\?.*/, '')}`, count)
    }
  }
  const loops = ['control', 'agent'].flatMap((folder) =>
    readdirSync(join('src', folder)).map((name) => `src/${folder}/${name}`),
  )
  const silent = loops
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !TYPES_ONLY.includes(path))
    .filter((path) => (called.get(path) ?? 0) === 0)
  expect(silent).toEqual([])
}, 120_000)
