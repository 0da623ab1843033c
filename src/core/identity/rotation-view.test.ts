import { expect, test } from 'vitest'
import type { NodeCertificates } from '../model/identity.ts'
import { progressOf } from './rotation-view.ts'

const holder = (nodeId: number, notAfter: number): NodeCertificates => ({
  ...{ nodeId, role: 'agent' },
  issued: [{ serial: `s${nodeId}`, keyHash: `k${nodeId}`, authority: 'old', issuedAt: 0, notAfter }],
})

test('nodes are waited for while they have a good certificate, also those that are away', () => {
  const trust = new Map([
    [1, { authorities: ['old', 'new'], signedBy: 'new' }],
    [2, { authorities: ['old', 'new'], signedBy: 'old' }],
    [3, { authorities: ['old'], signedBy: 'old' }],
  ])
  const nodes = [holder(5, 100), holder(4, 500), holder(3, 500), holder(2, 500), holder(1, 500)]
  expect(progressOf('new', nodes, (id) => trust.get(id) ?? null, 200)).toEqual([
    { nodeId: 1, trustsNext: true, holdsNext: true },
    { nodeId: 2, trustsNext: true, holdsNext: false },
    { nodeId: 3, trustsNext: false, holdsNext: false },
    { nodeId: 4, trustsNext: false, holdsNext: false },
  ])
})
