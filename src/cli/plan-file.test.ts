import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { WirePlan } from '../transport/wire.ts'
import { readPlan, writePlan } from './plan-file.ts'

const PLAN: WirePlan = {
  ...{ id: 'p', clusterId: 'c', baseRevision: 1, change: { kind: 'destroy' }, actions: [], pulls: [], notes: [] },
  ...{
    summary: { add: 0, update: 0, replace: 0, remove: 0 },
    blockers: [],
    nodes: [],
    level: null,
    facts: { 'service/web': '7' },
  },
}

function aDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

test('a plan comes back from its file as it was', () => {
  const file = join(aDirectory(), 'shop.plan')
  writePlan(file, PLAN)
  expect(readPlan(file)).toEqual(PLAN)
})

test('only its owner can read it, also where a file of that name was there before', () => {
  const file = join(aDirectory(), 'shop.plan')
  writeFileSync(file, 'old', { mode: 0o644 })
  writePlan(file, PLAN)
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test.each(['{}', '[]', 'services: {}', ''])('the file %j holds no plan', (text) => {
  const file = join(aDirectory(), 'x')
  writeFileSync(file, text)
  expect(() => readPlan(file)).toThrow(expect.objectContaining({ code: 'USAGE', message: `${file} holds no plan` }))
})

test('a directory that cannot be written is told, not a fault', () => {
  expect(() => writePlan(join(aDirectory(), 'no', 'such', 'plan'), PLAN)).toThrow(
    expect.objectContaining({ code: 'USAGE' }),
  )
})
