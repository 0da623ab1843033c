import { expect, test } from 'vitest'
import { explore } from './explore.ts'
import { brokenPromise, SCENARIOS, steps, worldKey } from './model.ts'
import { ALL_RULES, type Rules, type World } from './state.ts'

const LIMIT = 300_000

function run(scenario: string, rules: Rules): ReturnType<typeof explore> {
  const world = SCENARIOS[scenario] as World
  return explore(world, (state) => steps(state, rules), brokenPromise, worldKey(), LIMIT)
}

test.each(Object.keys(SCENARIOS))('with all rules every promise holds in every state: %s', (scenario) => {
  const { states, counterexample } = run(scenario, ALL_RULES)
  expect(counterexample).toBeNull()
  // A model that can hardly do anything promises a lot.
  expect(states).toBeGreaterThan(10_000)
})

const BROKEN: readonly { rule: keyof Rules; scenario: string; promise: string }[] = [
  {
    rule: 'fenceWrites',
    scenario: 'two leaders and an agent that crashes',
    promise: 'no write of an older reign lands',
  },
  { rule: 'guardEpoch', scenario: 'two leaders and an agent that crashes', promise: 'an epoch has one leader' },
  {
    rule: 'judgeOrders',
    scenario: 'two leaders and an agent that crashes',
    promise: 'an agent never acts on a lower authority than before',
  },
  {
    rule: 'durableBeforeActing',
    scenario: 'two leaders and an agent that crashes',
    promise: 'an agent never acts on a lower authority than before',
  },
  {
    rule: 'stageBeforePointer',
    scenario: 'two applies, a collector and a change of leader',
    promise: 'an apply is never half there',
  },
  {
    rule: 'guardPointer',
    scenario: 'two applies, a collector and a change of leader',
    promise: 'an acknowledged apply is not lost to one that had not seen it',
  },
  {
    rule: 'guardHeader',
    scenario: 'two applies, a collector and a change of leader',
    promise: 'an apply is never half there',
  },
  {
    rule: 'giveUpBeforeCollecting',
    scenario: 'two applies, a collector and a change of leader',
    promise: 'an apply is never half there',
  },
  {
    rule: 'waitForEnd',
    scenario: 'a service that is taken out, and comes back',
    promise: 'an exclusive slot is given to one attempt at a time',
  },
  {
    rule: 'guardRemovals',
    scenario: 'a restore from an old backup',
    promise: 'a smaller world removes nothing that runs',
  },
  {
    rule: 'raiseIncarnation',
    scenario: 'a restore from an old backup',
    promise: 'an agent never takes a world that was put back for the one it knew',
  },
  {
    rule: 'signIncarnation',
    scenario: 'a stranger who puts an old state back',
    promise: 'an agent never acts on an incarnation that nobody signed',
  },
  {
    rule: 'restoreStopsServers',
    scenario: 'a restore from an old backup',
    promise: 'no write of an older reign lands',
  },
  {
    rule: 'oneOfSlotHere',
    scenario: 'a restore when a later attempt runs',
    promise: 'an exclusive slot has at most one container',
  },
]

test.each(BROKEN)('without $rule it is found that $promise does not hold', async ({ rule, scenario, promise }) => {
  const { counterexample } = run(scenario, { ...ALL_RULES, [rule]: false })
  expect(counterexample?.at(-1)).toBe(`=> ${promise}`)
  // The shortest story is kept for readers, and seen in review when it changes.
  const story = [`Without ${rule}: ${scenario}`, ...(counterexample ?? [])].join('\n  ')
  await expect(`${story}\n`).toMatchFileSnapshot(`../golden/protocol/${rule}.txt`)
})

test('every rule is switched off once', () => {
  expect(BROKEN.map(({ rule }) => rule).sort()).toEqual(Object.keys(ALL_RULES).sort())
})
