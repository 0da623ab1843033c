import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Server } from '../control/server.ts'
import { DEFAULT_PATIENCE } from '../core/node/absence.ts'
import { systemClock } from '../drivers/clock.ts'
import { joinCluster, renewIdentity } from '../drivers/link/join.ts'
import { newAuthorityRecord } from '../drivers/pki/authority-record.ts'
import { keyedCertifier } from '../drivers/pki/certifier.ts'
import { describeCertificate } from '../drivers/pki/describe-certificate.ts'
import { newKeyAndRequest } from '../drivers/pki/request.ts'
import { newClusterKey } from '../drivers/pki/seal.ts'
import { createRng } from '../lib/rng.ts'
import { MemoryStore } from '../store/memory.ts'
import { rejoinIfNeeded } from './identity.ts'
import { serveLink } from './link-service.ts'

const DAY = 24 * 3_600_000
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const CLUSTER = '0123456789abcdef'
const ANN = { by: 'ann', idempotencyKey: null }

/** A server that listens; `wall` is the clock by which it certifies. */
async function aServer() {
  const clock = systemClock()
  const store = new MemoryStore()
  const clusterKey = newClusterKey()
  const wall = { shift: 0 }
  const certifier = keyedCertifier(clusterKey, () => Date.now() + wall.shift)
  const server = new Server({
    ...{
      store,
      clock,
      rng: createRng(1),
      log: SILENT,
      reach: { answers: async () => true },
      certifier: () => certifier,
    },
    config: {
      name: 'test',
      address: null,
      newCluster: () => ({ id: CLUSTER, name: 'test', incarnation: 1, createdAt: clock.now() }),
      ...{ strategy: 'spread', patience: DEFAULT_PATIENCE, version: '0.1.0' },
    },
  })
  await server.start()
  await server.untilLeading()
  // Its authority is older than what it certifies in the past.
  const authority = await newAuthorityRecord(clusterKey, CLUSTER, Date.now() - 100 * DAY)
  const { key, request } = await newKeyAndRequest()
  const terms = { clusterId: CLUSTER, role: 'server', nodeId: 9, addresses: [], now: Date.now() } as const
  const certificate = await certifier.issue(authority, request, terms)
  await server.foundAuthority(authority, 9, certifier.describe(authority, certificate, Date.now()))
  const files = { key, certificate, bundle: authority.bundle.join(''), clusterKey }
  const identity = { clusterId: CLUSTER, role: 'server', nodeId: 9, files } as const
  const options = { host: '127.0.0.1', port: 0, identity, server, log: SILENT, http: () => null }
  const listener = await serveLink(options)
  onTestFinished(async () => {
    await listener.close()
    await server.stop()
    await store.close()
  })
  const token = async (): Promise<string> =>
    (await server.api.createJoinToken({ role: 'agent', lifeMs: null, uses: null }, ANN)).text
  return { server, wall, token, servers: [`127.0.0.1:${listener.port}`] }
}

async function joined(at: Awaited<ReturnType<typeof aServer>>, name: string, shift = 0) {
  at.wall.shift = shift
  const who = { servers: at.servers, token: await at.token(), role: 'agent', name, addresses: [] } as const
  const { identity, nodeId } = await joinCluster(who)
  at.wall.shift = 0
  return { files: identity, nodeId }
}

test('a machine whose certificate has expired while it slept gets another one as the same node', async () => {
  const at = await aServer()
  const { files, nodeId } = await joined(at, 'w', -10 * DAY)
  expect(describeCertificate(files.certificate).notAfter).toBeLessThan(Date.now() - 2 * DAY)
  const renewed = await renewIdentity(at.servers, files)
  const { uri, notAfter } = describeCertificate(renewed.certificate)
  expect(uri).toBe(`spiffe://${CLUSTER}/agent/${nodeId}`)
  expect(notAfter).toBeGreaterThan(Date.now() + 6 * DAY)
})

test('a certificate from a clock that was a day ahead is changed for a good one', async () => {
  const at = await aServer()
  const { files } = await joined(at, 'w', DAY)
  expect(describeCertificate(files.certificate).notBefore).toBeGreaterThan(Date.now())
  const renewed = await renewIdentity(at.servers, files)
  expect(describeCertificate(renewed.certificate).notBefore).toBeLessThan(Date.now())
})

test('after more than a month it needs a token, with which it is the same node again', async () => {
  const at = await aServer()
  const { files, nodeId } = await joined(at, 'w', -60 * DAY)
  await expect(renewIdentity(at.servers, files)).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('expired more than 30 days ago'),
  })
  const dataDir = mkdtempSync(join(tmpdir(), 'gantry-sleep-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true }))
  const present = { clusterId: CLUSTER, role: 'agent', nodeId, files } as const
  const how = { servers: at.servers, token: await at.token(), name: 'w', addresses: [] }
  const again = await rejoinIfNeeded(dataDir, present, how, Date.now(), SILENT)
  expect(again.nodeId).toBe(nodeId)
  expect(describeCertificate(again.files.certificate).notAfter).toBeGreaterThan(Date.now())
  // Somebody else with the same name and a token does not become that node.
  await expect(joined(at, 'w')).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('a machine that still has a good certificate does not use up the token that it is started with', async () => {
  const at = await aServer()
  const { files, nodeId } = await joined(at, 'w')
  const present = { clusterId: CLUSTER, role: 'agent', nodeId, files } as const
  const how = { servers: ['127.0.0.1:1'], token: await at.token(), name: 'w', addresses: [] }
  expect(await rejoinIfNeeded('/nowhere', present, how, Date.now(), SILENT)).toBe(present)
})
