import { expect, test } from 'vitest'
import { storeConditions } from './conditions.ts'
import { isSupported, knownFaults } from './known-faults.ts'
import type { SeenMember } from './members.ts'

function aMember(name: string, part: Partial<SeenMember> = {}): SeenMember {
  const peerUrl = `https://${name}:2380`
  return {
    id: name,
    name,
    peerUrl,
    clientUrl: null,
    isLearner: false,
    alive: true,
    leads: false,
    version: '3.5.28',
    alarms: [],
    ...part,
  }
}

const [A, B, C] = ['a', 'b', 'c'].map((name) => aMember(name)) as [SeenMember, SeenMember, SeenMember]
const dead = (name: string): SeenMember => aMember(name, { alive: false, version: null })

test.each([
  ['three that are well', [A, B, C], []],
  ['one', [A], []],
  ['two', [A, B], ['warning two members']],
  ['one of three is silent', [A, B, dead('c')], ['warning member absent']],
  ['two of three are silent', [A, dead('b'), dead('c')], ['failure quorum lost']],
  ['a learner that is silent', [A, B, C, { ...dead('d'), isLearner: true }], []],
  ['a full one', [A, B, aMember('c', { alarms: ['no space'] })], ['failure no space']],
  ['a corrupt one', [A, B, aMember('c', { alarms: ['corrupt'] })], ['failure corrupt']],
  ['a grave version', [aMember('a', { version: '3.5.2' })], ['failure faulty version']],
  [
    'failures come first',
    [aMember('a', { version: '3.4.23' }), dead('b')],
    ['failure quorum lost', 'warning faulty version'],
  ],
] as const)('conditions of a store: %s', (_, members, kinds) => {
  expect(storeConditions(members, A.peerUrl).map(({ severity, kind }) => `${severity} ${kind}`)).toEqual(kinds)
})

test('a lost quorum is told with who answers and what to do', () => {
  expect(storeConditions([A, dead('b'), dead('c')], A.peerUrl)).toMatchObject([
    {
      message: 'the store has lost its quorum: 1 of 3 members answers',
      hint: expect.stringMatching(/^start b, c again, .*slow; .*gantry recover --from-survivor/),
    },
  ])
})

test.each([
  ['3.4.23', '3.4.42', 3, false],
  ['3.4.41', '3.4.42', 1, false],
  ['3.5.0', '3.5.28', 3, true],
  ['3.5.2', '3.5.28', 3, true],
  ['3.5.3', '3.5.28', 2, false],
  ['3.6.1', '3.6.9', 1, false],
] as const)('etcd %s has faults that are gone in %s', (version, sound, count, isGrave) => {
  const known = knownFaults(version)
  expect([known?.sound, known?.faults.length, known?.isGrave]).toEqual([sound, count, isGrave])
})

test('versions without known faults, and texts that are none, say nothing', () => {
  for (const version of ['3.4.42', '3.5.28', '3.6.9', '3.7.0', 'unknown', '']) expect(knownFaults(version)).toBeNull()
})

test('members come from versions that know learners and our options', () => {
  expect(['3.3.25', '3.4.0', '3.5.28', '3.6.9', '3.7.0', '4.0.0', ''].map(isSupported)).toEqual([
    false,
    true,
    true,
    true,
    false,
    false,
    false,
  ])
})

test('a server that is not among the members says that it was taken out, and nothing else', () => {
  expect(storeConditions([A, B], 'https://c:2380').map(({ kind }) => kind)).toEqual(['removed'])
  expect(storeConditions([], 'https://c:2380')).toEqual([])
})
