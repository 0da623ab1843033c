import { expect, test } from 'vitest'
import type { SeenMember } from './members.ts'
import { planRemoval } from './plan-removal.ts'

function aMember(name: string, part: Partial<SeenMember> = {}): SeenMember {
  const peerUrl = `https://10.0.0.${name.charCodeAt(0) - 96}:2380`
  const clientUrl = peerUrl.replace('2380', '2379')
  return {
    id: `1${name}`,
    name,
    peerUrl,
    clientUrl,
    isLearner: false,
    alive: true,
    leads: false,
    version: null,
    alarms: [],
    ...part,
  }
}

const dead = (name: string): SeenMember => aMember(name, { alive: false })
const learner = (name: string): SeenMember => aMember(name, { isLearner: true, name: '' })
const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((name) => aMember(name)) as [
  SeenMember,
  SeenMember,
  SeenMember,
  SeenMember,
]

test.each([
  ['one of three that are alive', [A, B, C], 'c', 'remove'],
  ['the one of three that is dead', [A, B, dead('c')], 'c', 'remove'],
  ['one that is alive while another is dead', [A, B, dead('c')], 'a', 'refused'],
  ['one of two that are alive', [A, B], 'b', 'remove'],
  ['the only one', [A], 'a', 'refused'],
  ['the dead one of two, for nothing can be changed any more', [A, dead('b')], 'b', 'refused'],
  ['one of four while one is dead', [A, B, C, dead('d')], 'a', 'remove'],
  ['a learner', [A, B, learner('c')], '10.0.0.3', 'remove'],
  ['a learner while the majority is lost', [A, dead('b'), learner('c')], '10.0.0.3', 'refused'],
  ['by address', [A, B, C], '10.0.0.3', 'remove'],
  ['by member id', [A, B, C, D], '1d', 'remove'],
  ['one that is not there', [A, B, C], 'x', 'unknown'],
  ['a name that two have', [A, B, { ...C, name: 'b' }], 'b', 'refused'],
] as const)('taking out %s', (_, members, word, kind) => {
  expect(planRemoval(members, word).kind).toBe(kind)
})

test('a refusal says how many would be left, and what helps', () => {
  expect(planRemoval([A, B, dead('c')], 'a')).toEqual({
    kind: 'refused',
    because: '1 of the 2 that are left would answer, and 2 are needed',
    hint: 'start a server that is down again, or let another one join first',
  })
})
