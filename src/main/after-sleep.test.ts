import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { BED_CLUSTER } from '../../test/bed-server.ts'
import { aLinkServer, joined } from '../../test/link-server-bed.ts'
import { SILENT } from '../../test/silent-log.ts'
import { renewIdentity } from '../drivers/link/join.ts'
import { describeCertificate } from '../drivers/pki/describe-certificate.ts'
import { rejoinIfNeeded } from './identity.ts'

const DAY = 24 * 3_600_000

test('a machine whose certificate has expired while it slept gets another one as the same node', async () => {
  const at = await aLinkServer()
  const { files, nodeId } = await joined(at, 'w', -10 * DAY)
  expect(describeCertificate(files.certificate).notAfter).toBeLessThan(Date.now() - 2 * DAY)
  const renewed = await renewIdentity(at.servers, files)
  const { uri, notAfter } = describeCertificate(renewed.certificate)
  expect(uri).toBe(`spiffe://${BED_CLUSTER}/agent/${nodeId}`)
  expect(notAfter).toBeGreaterThan(Date.now() + 6 * DAY)
})

test('a certificate from a clock that was a day ahead is changed for a good one', async () => {
  const at = await aLinkServer()
  const { files } = await joined(at, 'w', DAY)
  expect(describeCertificate(files.certificate).notBefore).toBeGreaterThan(Date.now())
  const renewed = await renewIdentity(at.servers, files)
  expect(describeCertificate(renewed.certificate).notBefore).toBeLessThan(Date.now())
})

test('after more than a month it needs a token, with which it is the same node again', async () => {
  const at = await aLinkServer()
  const { files, nodeId } = await joined(at, 'w', -60 * DAY)
  await expect(renewIdentity(at.servers, files)).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('expired more than 30 days ago'),
  })
  const dataDir = mkdtempSync(join(tmpdir(), 'gantry-sleep-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true }))
  const present = { clusterId: BED_CLUSTER, role: 'agent', nodeId, files } as const
  const how = { servers: at.servers, token: await at.token(), name: 'w', addresses: [] }
  const again = await rejoinIfNeeded(dataDir, present, how, Date.now(), SILENT)
  expect(again.nodeId).toBe(nodeId)
  expect(describeCertificate(again.files.certificate).notAfter).toBeGreaterThan(Date.now())
  // Somebody else with the same name and a token does not become that node.
  await expect(joined(at, 'w')).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('a machine that still has a good certificate does not use up the token that it is started with', async () => {
  const at = await aLinkServer()
  const { files, nodeId } = await joined(at, 'w')
  const present = { clusterId: BED_CLUSTER, role: 'agent', nodeId, files } as const
  const how = { servers: ['127.0.0.1:1'], token: await at.token(), name: 'w', addresses: [] }
  expect(await rejoinIfNeeded('/nowhere', present, how, Date.now(), SILENT)).toBe(present)
})
