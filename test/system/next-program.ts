import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import { onTestFinished } from 'vitest'
import { bundle } from '../../scripts/bundle.mjs'
import { LEVEL } from '../../src/core/model/level.ts'

/** Version of the program that `buildNextProgram` makes. */
export const NEXT_VERSION = '99.0.0'

/** The program of these sources as if it were the next version, one level further. Returns the path of the bundle. */
export async function buildNextProgram(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-next-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'gantry.cjs')
  await bundle('start.ts', file, [nextLevel])
  return file
}

const nextLevel: Plugin = {
  name: 'next level',
  setup(build) {
    build.onLoad({ filter: /\/model\/level\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(`LEVEL = ${LEVEL}`, `LEVEL = ${LEVEL + 1}`),
      loader: 'ts',
    }))
    build.onLoad({ filter: /\/cli\/version\.ts$/ }, () => ({
      contents: `export const VERSION = '${NEXT_VERSION}'`,
      loader: 'ts',
    }))
  },
}
