import { expectedNode } from '../control/admission.ts'
import { OperationalError } from '../core/errors.ts'
import { revocationsOf } from '../core/identity/issued-certificates.ts'
import { clusterOf, objectOf } from '../core/incarnation/raise.ts'
import type { Millis, NodeId } from '../core/model/ids.ts'
import type { Node } from '../core/model/node.ts'
import { AUTHORITY_KEY, type Key, keyOf } from '../core/model/objects.ts'
import { smallestFree } from '../core/node/join.ts'
import { keyedCertifier } from '../drivers/pki/certifier.ts'
import type { StoredIdentity } from '../drivers/pki/identity-files.ts'
import { KeyRing } from '../drivers/pki/key-ring.ts'
import { newKeyAndRequest } from '../drivers/pki/request.ts'
import type { Snapshot, StoreRecord } from '../ports/store.ts'

/** The node that a machine becomes that has the cluster key and nothing else of the cluster. */
export interface Seat {
  readonly nodeId: NodeId
  readonly name: string
  /** It was another machine's, which is not believed any more. */
  readonly isTaken: boolean
}

/** The node of that name, or a new one; null: the state has no authority, and so nobody has a certificate. */
export function seatFor({ records }: Snapshot, name: string): Seat | null {
  if (objectOf(records, AUTHORITY_KEY) === null) return null
  const nodes = nodesIn(records)
  const same = nodes.find((node) => node.name === name)
  return { nodeId: same?.id ?? smallestFree(nodes), name, isTaken: same !== undefined }
}

/** Writes into a state that is to be opened who this machine is, as a server. `host`: where the others reach it; null: unknown. */
export async function takeSeat(
  state: Snapshot,
  seat: Seat,
  { clusterKey, host, at }: { readonly clusterKey: Buffer; readonly host: string | null; readonly at: Millis },
): Promise<{ readonly state: Snapshot; readonly identity: StoredIdentity }> {
  const { records, revision } = state
  const { nodeId, name } = seat
  const authority = objectOf(records, AUTHORITY_KEY)
  if (authority === null) throw new OperationalError('UNSUPPORTED', 'this state has no certificate authority')
  const certifier = keyedCertifier(new KeyRing(() => ({ clusterKey })))
  const { key, request } = await newKeyAndRequest()
  const addresses = host === null ? [] : [host]
  const terms = { clusterId: clusterOf(records).id, role: 'server', nodeId, addresses, now: at } as const
  const certificate = await certifier.issue(authority, request, terms)
  const issued = certifier.describe(authority, certificate, at)
  const before = objectOf(records, keyOf('node', nodeId))
  const node: Node = {
    ...expectedNode(nodeId, before, { name, addresses }, at),
    ...{ machineId: null, status: 'unreachable' },
  }
  const held = objectOf(records, keyOf('certificates', nodeId))
  const revoked =
    held === null ? [] : revocationsOf(held, held.issued, 'another machine has its place since a restore', at)
  const writes: readonly (readonly [Key, StoreRecord['value']])[] = [
    [keyOf('node', nodeId), node],
    [keyOf('certificates', nodeId), { nodeId, role: 'server', issued: [issued] }],
    ...revoked.map((one) => [keyOf('revoked', one.serial), one] as const),
  ]
  const after = new Map(records.map((record) => [record.key, record]))
  for (const [at, value] of writes) after.set(at, { key: at, value, revision } as StoreRecord)
  const inOrder = [...after.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  const identity = { key, certificate, bundle: authority.bundle.join(''), clusterKey }
  return { state: { revision, records: inOrder }, identity }
}

function nodesIn(records: Snapshot['records']): readonly Node[] {
  return records.flatMap(({ key, value }) => (key.startsWith('node/') ? [value as Node] : []))
}
