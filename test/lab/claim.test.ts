import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { type Claim, claimNumber, takeAbandoned } from './claim.ts'

/** A process that ended before this machine started. */
const DEAD = '1 99999999999'

// Labs of others are none of this test's business.
const directory = mkdtempSync(join(tmpdir(), 'gantry-claims-'))
vi.stubEnv('TMPDIR', directory)
afterAll(() => rmSync(directory, { recursive: true }))

function numbers(claims: readonly Claim[]): number[] {
  return claims.map(({ number }) => number)
}

test('no number is claimed twice, and a claim of a living process is not taken', () => {
  const [one, two] = [claimNumber(), claimNumber()]
  expect(one.number).not.toBe(two.number)
  expect(numbers(takeAbandoned())).not.toContain(one.number)
  expect(existsSync(join(one.directory, 'remover'))).toBe(false)
})

test('what a dead process claimed is taken once', () => {
  const { number, directory } = claimNumber()
  writeFileSync(join(directory, 'owner'), DEAD)
  expect(numbers(takeAbandoned())).toContain(number)
  expect(numbers(takeAbandoned())).not.toContain(number)
  expect(claimNumber().number).not.toBe(number)
})

test('what a dead process began to remove is taken by the second that asks', () => {
  const { number, directory } = claimNumber()
  writeFileSync(join(directory, 'owner'), DEAD)
  writeFileSync(join(directory, 'remover'), DEAD)
  expect(numbers(takeAbandoned())).not.toContain(number)
  expect(numbers(takeAbandoned())).toContain(number)
})
