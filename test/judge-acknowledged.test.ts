import { expect, test } from 'vitest'
import type { Snapshot, StoreRecord } from '../src/ports/store.ts'
import { judgeAcknowledged } from './long/judge-acknowledged.ts'

function object(revision: number, name: string): StoreRecord {
  return { key: `service/${name}`, value: { name, attemptFloor: 1, retryAt: null }, revision }
}

function event(revision: number, message: string): StoreRecord {
  const draft = { kind: 'node.changed', object: 'node/1', service: null, message, by: 'test', at: 1 } as const
  return { key: `event/${revision}`, value: { id: `${revision}`, ...draft }, revision } as StoreRecord<'event'>
}

/** Three commits, of which the second was not acknowledged to anybody. */
const RECORDS = [1, 2, 3].flatMap((n) => [object(n, `r${n}`), event(n, `r${n}`)])
const WHOLE: Snapshot = { revision: 3, records: RECORDS }
const ACKNOWLEDGED = ['1 r1', '3 r3']

test('a campaign holds when every acknowledged write is there and every revision is a whole commit', () => {
  expect(() => judgeAcknowledged('etcd', ACKNOWLEDGED, WHOLE)).not.toThrow()
})

test.each<[string, readonly string[], Snapshot, string]>([
  ['a write is lost', [...ACKNOWLEDGED, '4 r4'], WHOLE, 'etcd: 1 lost, such as 4 r4'],
  ['another write has its revision', ['1 r9'], WHOLE, '1 lost, such as 1 r9'],
  ['a revision was acknowledged twice', ['3 r3', '3 r3'], WHOLE, '1 acknowledged twice, such as 3'],
  [
    'two writes have one revision',
    ACKNOWLEDGED,
    { ...WHOLE, records: [...RECORDS, object(1, 'r9')].toReversed() },
    '1 there twice, such as 1: r9 and r1',
  ],
  [
    'a revision is missing',
    ['1 r1'],
    { ...WHOLE, records: RECORDS.slice(0, 2) },
    '2 missing or not whole, such as 2, 3',
  ],
  [
    'an event is missing',
    ACKNOWLEDGED,
    { ...WHOLE, records: RECORDS.slice(0, 5) },
    '1 missing or not whole, such as 3',
  ],
  ['a write is newer than the state', ACKNOWLEDGED, { ...WHOLE, revision: 2 }, '2 beyond the newest revision'],
])('a campaign fails when %s', (_, acknowledged, whole, why) => {
  expect(() => judgeAcknowledged('etcd', acknowledged, whole)).toThrow(why)
})
