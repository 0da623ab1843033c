import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Absence, judgeAbsences, longerSilence } from './absence.ts'
import { FAILURE_DETECTIONS, VIGILANCES } from './vigilance.ts'

const patience = {
  unreachableAfterMs: 15_000,
  silentForMs: 4_000,
  agentGoneForMs: 60_000,
  askWithinMs: 1_000,
  askAgainMs: 500,
}
const gone = (node: number, change: Partial<Absence> = {}): Absence => ({
  node,
  goneSince: 0,
  silentMs: 0,
  isOpen: false,
  evicted: false,
  ...change,
})
const silent = (node: number, change: Partial<Absence> = {}): Absence => gone(node, { silentMs: 4_000, ...change })

test.each<{
  name: string
  absences: Absence[]
  members: number
  now: number
  evicted: number[]
  unreachable: number[]
}>([
  {
    name: 'a node that has just gone is waited for',
    absences: [silent(2, { silentMs: 3_999 })],
    members: 3,
    now: 14_999,
    evicted: [],
    unreachable: [],
  },
  {
    name: 'one whose machine answers is unreachable before its tasks are replaced',
    absences: [gone(2)],
    members: 3,
    now: 15_000,
    evicted: [],
    unreachable: [2],
  },
  {
    name: 'a machine that stays silent is lost',
    absences: [silent(2)],
    members: 3,
    now: 5_000,
    evicted: [2],
    unreachable: [2],
  },
  {
    name: 'a machine that answers keeps its tasks',
    absences: [gone(2)],
    members: 3,
    now: 59_999,
    evicted: [],
    unreachable: [2],
  },
  { name: 'but not for ever', absences: [gone(2)], members: 3, now: 60_000, evicted: [2], unreachable: [2] },
  {
    name: 'what was done once is not due again',
    absences: [silent(2, { evicted: true })],
    members: 3,
    now: 9_000,
    evicted: [],
    unreachable: [2],
  },
  {
    name: 'silences that began together count together, however short some of them are',
    absences: [silent(2), silent(3, { silentMs: 100 }), silent(4, { silentMs: 100 })],
    members: 6,
    now: 5_000,
    evicted: [],
    unreachable: [2],
  },
  {
    name: 'nobody is given up while it is not known whether half are silent',
    absences: [silent(2), gone(3, { isOpen: true }), gone(4, { isOpen: true })],
    members: 6,
    now: 5_000,
    evicted: [],
    unreachable: [2],
  },
  {
    name: 'nor is it waited for answers that make no difference',
    absences: [silent(2), gone(3, { isOpen: true })],
    members: 6,
    now: 5_000,
    evicted: [2],
    unreachable: [2],
  },
  {
    name: 'the other of two nodes may be lost',
    absences: [silent(2)],
    members: 2,
    now: 5_000,
    evicted: [2],
    unreachable: [2],
  },
  {
    name: 'two of three may be lost',
    absences: [silent(2), silent(3)],
    members: 3,
    now: 5_000,
    evicted: [2, 3],
    unreachable: [2, 3],
  },
  {
    name: 'half of four nodes at once are not believed',
    absences: [silent(2), silent(3)],
    members: 4,
    now: 5_000,
    evicted: [],
    unreachable: [2, 3],
  },
  {
    name: 'two of five may be lost',
    absences: [silent(2), silent(3)],
    members: 5,
    now: 5_000,
    evicted: [2, 3],
    unreachable: [2, 3],
  },
  {
    name: 'a node that was lost long ago does not make two out of one',
    absences: [silent(2, { evicted: true }), silent(3, { evicted: true }), silent(4)],
    members: 6,
    now: 5_000,
    evicted: [4],
    unreachable: [2, 3, 4],
  },
])('$name', ({ absences, members, now, evicted, unreachable }) => {
  const { verdicts } = judgeAbsences(absences, members, patience, now)
  expect(verdicts.filter(({ evict }) => evict).map(({ node }) => node)).toEqual(evicted)
  expect(verdicts.filter((verdict) => verdict.unreachable).map(({ node }) => node)).toEqual(unreachable)
})

test('what holds an eviction back is said, and only while one is due', () => {
  const absences = [silent(2), silent(3)]
  const early = absences.map((absence) => ({ ...absence, silentMs: 3_999 }))
  expect(judgeAbsences(early, 4, patience, 5_000).held).toBeNull()
  expect(judgeAbsences(absences, 4, patience, 5_000).held).toBe(
    '2 of 4 nodes are silent at once: nothing is moved until some return',
  )
})

test('looking only when asked to misses nothing', () => {
  const anAbsence = fc.record({
    goneSince: fc.nat(5_000),
    silentMs: fc.nat(5_000),
  })
  fc.assert(
    fc.property(fc.array(anAbsence, { maxLength: 3 }), (drawn) => {
      const absences = drawn.map((absence, at) => gone(at + 1, absence))
      const judge = (now: number) => judgeAbsences(absences, 3, patience, now)
      let now = 0
      for (let looks = 0; looks < 20; looks++) {
        const { wakeAt, verdicts } = judge(now)
        const until = wakeAt ?? 200_000
        expect(until).toBeGreaterThan(now)
        expect(judge(until - 1).verdicts).toEqual(verdicts)
        if (wakeAt === null) return
        now = wakeAt
      }
      expect.unreachable('it asks to be looked at again and again')
    }),
  )
})

test('a machine is lost after three questions without an answer at the soonest, however long this server stood still', () => {
  const passed = fc.array(fc.nat(100_000), { minLength: 1, maxLength: 2 })
  fc.assert(
    fc.property(fc.constantFrom(...FAILURE_DETECTIONS), passed, (detection, questions) => {
      const { patience: patient } = VIGILANCES[detection]
      const silentMs = questions.reduce((silence, ms) => longerSilence(silence, ms, patient), 0)
      expect(judgeAbsences([silent(2, { silentMs })], 3, patient, 0).verdicts[0]?.evict).toBe(false)
    }),
  )
})

test.each(
  FAILURE_DETECTIONS,
)('questions that each take as long as they may make a machine lost with the third (%s)', (detection) => {
  const { patience: patient } = VIGILANCES[detection]
  const { askWithinMs, askAgainMs } = patient
  const rounds = [askWithinMs, askWithinMs + askAgainMs, askWithinMs + askAgainMs]
  const silentMs = rounds.reduce((silence, ms) => longerSilence(silence, ms - 1, patient), 0)
  expect(judgeAbsences([silent(2, { silentMs })], 3, patient, 0).verdicts[0]?.evict).toBe(true)
})
