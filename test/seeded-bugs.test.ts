import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const FOLDER = join('test', 'seeded-bugs')
const patches = readdirSync(FOLDER).filter((name) => name.endsWith('.patch'))

test('there are seeded bugs, and each still fits the code that it is to break', () => {
  expect(patches.length).toBeGreaterThanOrEqual(10)
  // Throws, with what does not fit.
  for (const patch of patches) execFileSync('git', ['apply', '--check', join(FOLDER, patch)], { stdio: 'pipe' })
})
