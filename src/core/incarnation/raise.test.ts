import { expect, test } from 'vitest'
import { aTask } from '../../../test/builders.ts'
import { AUTHORITY_KEY, CLUSTER_KEY, DESIRED_KEY, keyOf, LEADERSHIP_KEY } from '../model/objects.ts'
import { missingParts } from './missing.ts'
import { type LifeRecord, type NewLife, raise } from './raise.ts'
import { incarnationStatement } from './statement.ts'

const LIFE: NewLife = { kind: 'restore', by: 'a user', at: 9, because: 'put back from a file', above: 0 }
const PROOF = { at: 9, chain: ['c'], signature: 's' }
const cluster = { id: 'c1', name: 'shop', incarnation: 3, createdAt: 1 }
const STATE: readonly LifeRecord[] = [
  { key: CLUSTER_KEY, value: { ...cluster, movedTo: { to: 'etcd', incarnation: 4, at: 1 } } },
  { key: LEADERSHIP_KEY, value: { epoch: 7, holder: 'a', address: null, since: 1 } },
  { key: keyOf('task', 'web.1.1004'), value: aTask({ attempt: 1_004 }) },
  { key: keyOf('token', 't1'), value: aToken() },
]

function aToken(): LifeRecord<'token'>['value'] {
  const token = { id: 't1', role: 'agent', secretHash: '', createdBy: 'a', createdAt: 1, expiresAt: 2 } as const
  return { ...token, usesLeft: null, revokedAt: null }
}

test('a restored state keeps what is unknown, uses no attempt again, and lets no old token in', () => {
  const raised = raise(STATE, LIFE, () => PROOF)
  expect(raised.cluster).toEqual({ ...cluster, incarnation: 4, proof: PROOF, keepsUnknown: true, attemptFloor: 2_000 })
  expect(raised).toMatchObject({ epoch: 8, forget: ['token/t1'] })
  expect(raised.events[0]?.message).toBe('the state is of incarnation 4 now: put back from a file')
})

test('a task that had no node is forgotten, and its name with it: it may have got one since', () => {
  const waiting: LifeRecord = { key: keyOf('task', 'db.1.3'), value: aTask({ id: 'db.1.3', node: null }) }
  const raised = raise([...STATE, waiting], LIFE, () => PROOF)
  expect(raised.forget).toEqual(['task/db.1.3', 'token/t1'])
  expect(raised.events.map(({ object }) => object)).toEqual([CLUSTER_KEY, 'task/db.1.3'])
  expect(raise([...STATE, waiting], { ...LIFE, kind: 'move' }, () => null).forget).toEqual([])
})

test('a state that is moved is whole: it only changes its incarnation', () => {
  const raised = raise(STATE, { ...LIFE, kind: 'move' }, () => null)
  expect(raised.cluster).toEqual({ ...cluster, incarnation: 4 })
  expect(raised.forget).toEqual([])
})

test('a state that is not settled stays so when it is moved', () => {
  const [, ...rest] = STATE
  const unsettled: LifeRecord = { key: CLUSTER_KEY, value: { ...cluster, keepsUnknown: true, attemptFloor: 5 } }
  const raised = raise([unsettled, ...rest], { ...LIFE, kind: 'move' }, () => null)
  expect(raised.cluster).toMatchObject({ keepsUnknown: true, attemptFloor: 5 })
})

test('the incarnation rises above every one that is known, and a state without a cluster is refused', () => {
  const asked: number[] = []
  raise(STATE, { ...LIFE, above: 12 }, (incarnation) => {
    asked.push(incarnation)
    return null
  })
  expect(asked).toEqual([13])
  expect(() => raise(STATE.slice(1), LIFE, () => null)).toThrow('the cluster object is not in it')
})

test('what is signed names cluster, incarnation and time', () => {
  expect(incarnationStatement({ clusterId: 'c1', incarnation: 2, at: 5 })).toBe('["gantry incarnation 1","c1",2,5]')
})

test('a state that was read in parts must have the cluster, its authority, and all of the desired manifest', () => {
  const manifest = {
    number: 2,
    state: 'applied',
    message: '',
    text: '',
    services: ['web'],
    placements: [],
    removes: [],
    cause: 'apply',
    by: 'a',
    createdAt: 1,
    finishedAt: 2,
  } as const
  const desired: LifeRecord = { key: DESIRED_KEY, value: { revision: 2 } }
  const applied: LifeRecord = { key: keyOf('manifest', 2), value: manifest }
  const spec: LifeRecord = { key: 'spec/2/web', value: aTask({}).spec }
  expect(missingParts([...STATE, desired, applied, spec], false)).toEqual([])
  expect(missingParts(STATE, false)).toEqual([])
  expect(missingParts([...STATE, desired, applied], true)).toEqual([AUTHORITY_KEY, 'spec/2/web'])
  expect(missingParts([...STATE, desired], false)).toEqual(['manifest/2'])
  expect(missingParts([applied], false)).toEqual([CLUSTER_KEY, DESIRED_KEY])
})
