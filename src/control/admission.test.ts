import { afterEach, beforeEach, expect, test } from 'vitest'
import { aNode } from '../../test/builders.ts'
import type { JoinTokenRecord } from '../core/model/identity.ts'
import type { Node } from '../core/model/node.ts'
import { AUTHORITY_KEY, keyOf } from '../core/model/objects.ts'
import { systemClock } from '../drivers/clock.ts'
import type { Certifier } from '../ports/certifier.ts'
import type { Write } from '../ports/store.ts'
import { MemoryStore } from '../store/memory.ts'
import { Mirror } from '../store/mirror.ts'
import { type AdmissionDeps, admit, admitBySecret, changeClusterSecret, type TokenRequest } from './admission.ts'
import { World } from './world.ts'

const TOKEN: JoinTokenRecord = {
  ...{ id: 't1', role: 'agent', secretHash: 'h', createdBy: 'ann', createdAt: 0, usesLeft: null, revokedAt: null },
  expiresAt: Number.MAX_SAFE_INTEGER,
}
const SEALED = { keyId: 'k', nonce: '', ciphertext: '', tag: '' }
const AUTHORITY = {
  bundle: ['ca'],
  signing: { certificate: 'ca', sealedKey: SEALED },
  rotation: { kind: 'none' as const },
  clusterSecret: null,
}

/** Signs whatever it is given, and says for whom; `meanwhile` happens before it is done. */
function aCertifier(meanwhile: () => Promise<void> = async () => undefined): Certifier {
  let first = true
  return {
    newToken: () => ({ text: '', record: TOKEN }),
    secretMatches: () => true,
    issue: async (_authority, _request, { nodeId }) => {
      if (first) await meanwhile()
      first = false
      return `certificate of ${nodeId}`
    },
    describe: (_authority, certificate, now) => ({
      ...{ serial: certificate, keyHash: `key of ${certificate}`, authority: 'ca', issuedAt: now },
      notAfter: now + 7 * 24 * 3_600_000,
    }),
    nameOf: (certificate) => certificate,
    prepareNext: () => Promise.reject(new Error('not here')),
    sealSecret: (_, __, { salt }) => ({ salt, sealedKey: { keyId: '', nonce: '', ciphertext: '', tag: '' } }),
    prove: (_, { at }) => ({ at, chain: [], signature: '' }),
    backupKey: () => ({ id: 'k', code: () => '' }),
    keyTexts: () => [''],
    drawKey: () => '',
    reseal: (authority) => authority,
  }
}

let store: MemoryStore
let mirror: Mirror
beforeEach(async () => {
  store = new MemoryStore()
  await put({ put: AUTHORITY_KEY, value: AUTHORITY }, { put: keyOf('token', 't1'), value: TOKEN })
  mirror = await Mirror.open(store)
})
afterEach(async () => {
  mirror.close()
  await store.close()
})

async function put(...writes: Write[]): Promise<void> {
  await store.commit({ epoch: null, expect: [], writes, events: [] })
}

const nodes = (...all: readonly Node[]): Promise<void> =>
  put(...all.map((node): Write => ({ put: keyOf('node', node.id), value: node })))
const deps = (certifier = aCertifier()): AdmissionDeps => ({
  ...{ store, clock: systemClock(), certifier },
  world: new World(mirror, systemClock()),
})
const machine = (name: string): TokenRequest => ({
  ...{ tokenId: 't1', secret: 's', role: 'agent', name, addresses: ['192.0.2.9'], request: 'pem' },
})
const kept = aNode({
  ...{ id: 2, machineId: null, reserved: true, status: 'unreachable', placement: 'edge', labels: { rack: 'a' } },
  settings: { placement: 'edge', publicAddress: null, labels: { rack: 'a' } },
})

test('a machine that joins gets the smallest free id', async () => {
  await nodes(aNode(), aNode({ id: 3 }))
  expect(await admit(machine('new'), deps())).toMatchObject({ nodeId: 2, certificate: 'certificate of 2' })
  expect(mirror.get(keyOf('node', 2))?.value).toMatchObject({ name: 'new', machineId: null, reserved: false })
})

test('a machine that joins takes the place that is kept for one, with its name or another', async () => {
  await nodes(aNode(), kept)
  expect(await admit(machine(kept.name), deps())).toMatchObject({ nodeId: 2 })
  expect(mirror.get(keyOf('node', 2))?.value).toMatchObject({
    ...{ reserved: false, placement: 'edge', labels: { rack: 'a' }, address: '192.0.2.9', settings: kept.settings },
  })
  expect(await admit(machine('another'), deps())).toMatchObject({ nodeId: 3 })
})

test('a place that somebody else took meanwhile is not given twice', async () => {
  await nodes(aNode(), kept)
  const certifier = aCertifier(() => nodes({ ...kept, reserved: false, name: 'quicker' }))
  expect(await admit(machine('slower'), deps(certifier))).toMatchObject({ nodeId: 3 })
  expect(mirror.get(keyOf('node', 2))?.value.name).toBe('quicker')
})

test('the name of a node that is there is not given twice', async () => {
  await nodes(aNode())
  await expect(admit(machine('node-1:7946'), deps())).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('a node that was let in and never came gives its place to a machine of its name, once that can be no answer on its way', async () => {
  const waiting = aNode({ id: 2, machineId: null, name: 'w', status: 'unreachable', joinedAt: Date.now() })
  await nodes(aNode(), waiting)
  await expect(admit(machine('w'), deps())).rejects.toMatchObject({ code: 'CONFLICT' })
  await nodes({ ...waiting, joinedAt: Date.now() - 60_000 })
  expect(await admit(machine('w'), deps())).toMatchObject({ nodeId: 2 })
})

test('machines that join at once over two servers get the smallest ids, each its own', async () => {
  const other = await Mirror.open(store)
  const elsewhere: AdmissionDeps = { ...deps(), world: new World(other, systemClock()) }
  const { role, addresses, request } = machine('')
  const joining = Array.from({ length: 20 }, (_, n) =>
    admitBySecret({ role, addresses, request, name: `w${n}` }, n % 2 === 0 ? deps() : elsewhere),
  )
  const ids = (await Promise.all(joining)).map(({ nodeId }) => nodeId)
  other.close()
  expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
})

test('the cluster secret is replaced and taken away, and each is an event', async () => {
  const caller = { by: 'ann', idempotencyKey: null }
  await changeClusterSecret({ salt: 'aa', stretched: 'bb' }, caller, deps())
  expect(mirror.get(AUTHORITY_KEY)?.value).toMatchObject({ bundle: ['ca'], clusterSecret: { salt: 'aa' } })
  await changeClusterSecret(null, caller, deps())
  expect(mirror.get(AUTHORITY_KEY)?.value.clusterSecret).toBeNull()
  const events = [...mirror.list('event')].map(({ value }) => value)
  expect(events.filter(({ kind, by }) => kind === 'secret.changed' && by === 'ann')).toHaveLength(2)
})
