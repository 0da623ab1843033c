import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { aNode } from '../../../test/builders.ts'
import { keyOf, LEADERSHIP_KEY } from '../model/objects.ts'
import { type HeldRecord, type HeldState, LOST_AT_MOST, NO_STATE, takeOver } from './take-over.ts'
import { commonRevision, contains, type Tenure } from './tenure.ts'

function tenure(number: number, by: number, from: number): Tenure {
  return { number, by, from, since: number * 10 + by }
}

function leadership(epoch: number, revision: number): HeldRecord {
  return { key: LEADERSHIP_KEY, value: { epoch, holder: 's', address: null, since: 0 }, revision }
}

function node(id: number, revision: number, machineId = `machine-${id}`): HeldRecord {
  return { key: keyOf('node', id), value: aNode({ id, machineId }), revision }
}

const FIRST = tenure(1, 0, 0)
const BASE: HeldState = { tenures: [FIRST], revision: 10, records: [leadership(1, 1), node(1, 2), node(2, 3)] }

test('a state with later commits of the same tenure contains the earlier one', () => {
  expect(contains({ ...BASE, revision: 12 }, BASE)).toBe(true)
  expect(contains(BASE, { ...BASE, revision: 12 })).toBe(false)
  expect(contains(BASE, NO_STATE)).toBe(true)
})

test('two states have in common what was there when the first of them went its own way', () => {
  const left = { tenures: [FIRST], revision: 14 }
  const right = { tenures: [FIRST, tenure(2, 2, 10)], revision: 1_012 }
  expect(commonRevision(left, right)).toBe(10)
  expect(contains(right, left)).toBe(false)
  expect(commonRevision(left, { tenures: [tenure(1, 5, 0)], revision: 3 })).toBe(0)
})

test('an epoch that somebody had who is gone again is not used again', () => {
  const { revision, records } = takeOver([BASE], 2, 7, 9)
  expect(records[0]).toEqual(leadership(9, revision))
  expect(records.slice(1)).toEqual(BASE.records.slice(1))
})

test('whoever takes over alone goes on with what it has, above what may have been lost', () => {
  const state = takeOver([BASE], 2, 7, 0)
  expect(state).toEqual({
    tenures: [FIRST, { number: 2, by: 2, from: 10, since: 7 }],
    revision: 10 + LOST_AT_MOST,
    records: BASE.records,
  })
})

test('of two states of one tenure the longer one goes on as it is', () => {
  const longer = { ...BASE, revision: 11, records: [...BASE.records, node(3, 11)] }
  expect(takeOver([BASE, longer], 1, 7, 0).records).toEqual(longer.records)
})

test('the newest tenure goes on, with the members that the other side let in, and an epoch above both', () => {
  const left: HeldState = {
    tenures: [FIRST],
    revision: 14,
    records: [leadership(7, 12), node(1, 2), node(2, 13), node(4, 14)],
  }
  const right: HeldState = {
    tenures: [FIRST, tenure(2, 2, 10)],
    revision: 1_012,
    records: [leadership(2, 1_011), node(1, 2), node(2, 1_012, 'another'), node(3, 1_012)],
  }
  const state = takeOver([left, right], 1, 7, 0)
  const by = Object.fromEntries(state.records.map(({ key, value }) => [key, value]))
  expect(Object.keys(by).sort()).toEqual(['leadership/self', 'node/1', 'node/2', 'node/3', 'node/4'])
  expect(by['leadership/self']).toMatchObject({ epoch: 7 })
  expect(by['node/2']).toMatchObject({ machineId: 'another' })
  expect(new Set(state.records.map(({ revision }) => revision))).toEqual(new Set([1_012 + LOST_AT_MOST]))
})

test('a machine that one side sent away does not come back with the state of the other', () => {
  const { id, hostname } = aNode({ id: 4 })
  const machine = { machineId: 'machine-4', node: { id, name: 'n', hostname }, because: 'removed', by: 'u', at: 1 }
  const dismissed = { key: keyOf('dismissed', 'machine-4'), value: machine, revision: 12 } as unknown as HeldRecord
  const left: HeldState = { tenures: [FIRST, tenure(2, 1, 10)], revision: 12, records: [dismissed] }
  const right: HeldState = { tenures: [FIRST], revision: 14, records: [node(4, 14)] }
  expect(takeOver([left, right], 1, 7, 0).records.map(({ key }) => key)).toEqual(['dismissed/machine-4'])
})

/** States as servers get them: each is the one before, with commits or another tenure on top, or a branch of an earlier one. */
const states = fc
  .array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 3 }), fc.nat(5), fc.boolean()), { minLength: 1, maxLength: 8 })
  .map((steps) => {
    const all: HeldState[] = [BASE]
    steps.forEach(([pick, by, commits, changes], i) => {
      const from = all[pick % all.length] ?? BASE
      const taken = changes ? takeOver([from], by, i, 0) : from
      const revision = taken.revision + 1 + commits
      // Only a keeper commits: without a tenure of its own a copy can be shorter, but not another one.
      if (changes) all.push({ ...taken, revision, records: [leadership(i + 2, revision)] })
      else {
        const shorter = Math.max(endOf(from), from.revision - commits)
        all.push({ ...from, revision: shorter, records: from.records.filter((one) => one.revision <= shorter) })
      }
    })
    return all
  })

function endOf({ tenures }: HeldState): number {
  return tenures.at(-1)?.from ?? 0
}

function epochOf({ records }: HeldState): number {
  return Math.max(0, ...records.flatMap(({ value }) => ('epoch' in value ? [value.epoch] : [])))
}

test('what is taken over is above all in tenure, revision and epoch', () => {
  void fc.assert(
    fc.property(states, (all) => {
      const state = takeOver(all, 1, 999, 0)
      const newest = Math.max(...all.map(({ tenures }) => tenures.at(-1)?.number ?? 0))
      expect(state.tenures.at(-1)).toMatchObject({ number: newest + 1, by: 1 })
      expect(state.revision).toBeGreaterThan(Math.max(...all.map(({ revision }) => revision)))
      expect(epochOf(state)).toBe(Math.max(...all.map(epochOf)))
    }),
  )
})

test('the order in which states arrive does not matter', () => {
  void fc.assert(
    fc.property(states, (all) => {
      const [one, other] = [takeOver(all, 1, 999, 0), takeOver([...all].reverse(), 1, 999, 0)]
      expect(other.tenures).toEqual(one.tenures)
      expect(other.revision).toBe(one.revision)
    }),
  )
})
