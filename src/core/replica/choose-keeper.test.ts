import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseKeeper, SETTLE_MS, type Surroundings } from './choose-keeper.ts'

const ALONE: Surroundings = {
  self: 2,
  peers: [],
  others: 2,
  keeps: false,
  hasState: true,
  quietMs: 10_000,
  isNew: false,
}
const OFFERED = { id: 3, hasOffered: true }

test.each<[string, Partial<Surroundings>, ReturnType<typeof chooseKeeper>]>([
  ['a lower id is followed', { peers: [OFFERED, { id: 1, hasOffered: false }] }, { kind: 'follow', keeper: 1 }],
  ['also by one that keeps', { keeps: true, peers: [{ id: 1, hasOffered: false }] }, { kind: 'follow', keeper: 1 }],
  ['the lowest that keeps goes on', { keeps: true, peers: [OFFERED], quietMs: 0 }, { kind: 'keep' }],
  ['alone for a while it takes over', {}, { kind: 'take' }],
  ['a loss has to last', { peers: [OFFERED], quietMs: 100 }, { kind: 'wait', ms: SETTLE_MS - 100 }],
  ['with all the others there is nobody to wait for', { others: 1, peers: [OFFERED], quietMs: 0 }, { kind: 'take' }],
  ['one that has just begun looks for others longer', { isNew: true, quietMs: 600 }, { kind: 'wait', ms: 1_400 }],
  [
    'what the others have is waited for',
    { others: 1, peers: [{ id: 3, hasOffered: false }], quietMs: 1_900 },
    { kind: 'wait', ms: 100 },
  ],
  ['but not for ever', { others: 1, peers: [{ id: 3, hasOffered: false }], quietMs: 2_000 }, { kind: 'take' }],
  ['without a state nobody takes over', { hasState: false }, { kind: 'wait', ms: null }],
])('who keeps the state: %s', (_, change, expected) => {
  expect(chooseKeeper({ ...ALONE, ...change })).toEqual(expected)
})

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 })

test('of servers that all see each other at most one takes or keeps the state', () => {
  void fc.assert(
    fc.property(
      ids,
      fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
      fc.nat(5_000),
      (servers, flags, quietMs) => {
        const steps = servers.map((self, i) =>
          chooseKeeper({
            ...ALONE,
            self,
            quietMs,
            others: servers.length - 1,
            keeps: flags[i] ?? false,
            peers: servers.flatMap((id, j) => (id === self ? [] : [{ id, hasOffered: flags[j] ?? false }])),
          }),
        )
        const deciding = steps.flatMap(({ kind }, i) => (kind === 'follow' ? [] : [servers[i]]))
        expect(deciding).toEqual([Math.min(...servers)])
      },
    ),
  )
})
