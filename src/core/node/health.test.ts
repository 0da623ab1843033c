import { expect, test } from 'vitest'
import { aHealthCheck } from '../../../test/builders.ts'
import { type HealthState, newHealth, stepHealth } from './health.ts'

const check = aHealthCheck({ intervalMs: 10_000, retries: 3, startPeriodMs: 5_000 })
const ok = { ok: true, message: '' }
const bad = { ok: false, message: 'HTTP 503' }

/** The states that a row of results at these times leads to. */
function run(results: readonly (readonly [number, { ok: boolean; message: string }])[]): HealthState {
  return results.reduce((state, [now, result]) => stepHealth(state, check, result, now), newHealth(0, 0))
}

test('the first success makes a run healthy', () => {
  expect(run([[10, ok]])).toMatchObject({ verdict: 'healthy', nextAt: 10_010 })
})

test('before the first success probes come quickly, with growing pauses', () => {
  expect(run([[0, bad]]).nextAt).toBe(20)
  expect(
    run([
      [0, bad],
      [20, bad],
    ]).nextAt,
  ).toBe(60)
  expect(
    run([
      [0, bad],
      [20, bad],
      [60, bad],
    ]).nextAt,
  ).toBe(140)
})

test('a run that never was healthy is given its start period and all its intervals', () => {
  expect(run([[34_999, bad]]).verdict).toBe('unknown')
  expect(run([[35_000, bad]])).toMatchObject({ verdict: 'unhealthy', message: 'HTTP 503' })
})

test('the start period of a run whose start a wrong clock told counts from when it was first seen', () => {
  const state = newHealth(86_400_000, 1_000)
  expect(stepHealth(state, check, bad, 35_999).verdict).toBe('unknown')
  expect(stepHealth(state, check, bad, 36_000).verdict).toBe('unhealthy')
})

test('a healthy run becomes unhealthy after as many failures in a row as the check allows', () => {
  expect(
    run([
      [0, ok],
      [1, bad],
      [2, bad],
    ]).verdict,
  ).toBe('healthy')
  expect(
    run([
      [0, ok],
      [1, bad],
      [2, bad],
      [3, bad],
    ]).verdict,
  ).toBe('unhealthy')
})

test('a success between failures begins the count anew', () => {
  expect(
    run([
      [0, ok],
      [1, bad],
      [2, bad],
      [3, ok],
      [4, bad],
      [5, bad],
    ]).verdict,
  ).toBe('healthy')
})

test('an unhealthy run that answers again is healthy', () => {
  expect(
    run([
      [40_000, bad],
      [40_001, ok],
    ]),
  ).toMatchObject({ verdict: 'healthy', failures: 0, message: '' })
})
