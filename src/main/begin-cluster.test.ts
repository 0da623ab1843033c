import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeState } from '../agent/cache.ts'
import { durableText } from '../drivers/durable-text.ts'
import { beginCluster, knownCluster, requireStateFile } from './begin-cluster.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-begin-'))
})

afterEach(() => rmSync(dir, { recursive: true }))

const FRESH = { id: 'ffffffffffffffff', name: 'shop', createdAt: 7 }
const KNOWN = { id: '0123456789abcdef', incarnation: 2, isCertified: false }

function acted(clusterId: string, incarnation: number): Promise<void> {
  const authority = { clusterId, incarnation, epoch: 4, revision: 9 }
  const file = durableText(join(dir, 'agent.json'))
  return writeState(file, { nodeId: 1, machineId: 'm', authority, tasks: [], records: new Map() })
}

test('a machine is of the cluster that its agent has acted for', async () => {
  expect(await knownCluster(dir, null)).toBeNull()
  await acted(KNOWN.id, 2)
  expect(await knownCluster(dir, null)).toEqual(KNOWN)
})

test('a machine that is of no cluster begins one', () => {
  expect(beginCluster(null, FRESH, 'sqlite')).toEqual({ ...FRESH, incarnation: 1 })
})

test.each([
  'sqlite',
  'etcd',
  'managed-etcd',
  'zookeeper',
] as const)('a machine that is of a cluster begins no other in an empty %s', (kind) => {
  expect(() => beginCluster(KNOWN, FRESH, kind)).toThrow(
    expect.objectContaining({ code: 'STORE_CORRUPT', message: expect.stringContaining(KNOWN.id) }),
  )
})

test('what was in memory begins its next life, keeps what runs and gives no attempt twice', () => {
  expect(beginCluster(KNOWN, FRESH, 'memory')).toEqual({
    ...FRESH,
    id: KNOWN.id,
    incarnation: 3,
    keepsUnknown: true,
    attemptFloor: 2_000,
  })
})

test('what was in memory with an authority is gone', () => {
  expect(() => beginCluster({ ...KNOWN, isCertified: true }, FRESH, 'memory')).toThrow('is gone')
})

test('a state file that a known cluster has lost is not made anew', () => {
  const path = join(dir, 'state.db')
  expect(() => requireStateFile(KNOWN, { kind: 'sqlite', path })).toThrow('no other cluster is begun here')
  expect(() => requireStateFile(null, { kind: 'sqlite', path })).not.toThrow()
  writeFileSync(path, '')
  expect(() => requireStateFile(KNOWN, { kind: 'sqlite', path })).not.toThrow()
})
