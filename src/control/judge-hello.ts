import type { NodeId } from '../core/model/ids.ts'
import { understand } from '../core/model/level.ts'
import type { Authority, Hello } from '../core/model/message.ts'
import { CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import { judgeAuthority } from '../core/node/fence.ts'
import type { Certified } from '../core/node/join.ts'
import type { AgentConnection } from '../ports/link.ts'
import type { Write } from '../ports/store.ts'
import { issueWrites } from './node-certificates.ts'
import type { PassDeps } from './pass.ts'
import type { World } from './world.ts'

/** By which word of the leader agents are to go now. */
export function authorityOf(deps: Pick<PassDeps, 'world' | 'epoch'>): Authority {
  const cluster = deps.world.mirror.get(CLUSTER_KEY)?.value
  return {
    clusterId: cluster?.id ?? '',
    incarnation: cluster?.incarnation ?? 0,
    epoch: deps.epoch,
    revision: deps.world.mirror.revision,
  }
}

/** What the connection of an agent says of it; null: it is part of this process. */
export function certifiedBy({ peer, barred }: AgentConnection, world: World): Certified | null {
  if (peer === null) return null
  const { nodeId, serial } = peer
  const isKnown = (): boolean =>
    world.mirror.get(keyOf('certificates', nodeId))?.value.issued.some((one) => one.serial === serial) === true
  return { nodeId, barred: barred ?? null, isNewer: world.isPutBack && !isKnown() }
}

/** Keeps in mind a certificate that its node was given after the backup that this state comes from. */
export function keepCertificate(
  id: NodeId,
  { trust }: Hello,
  { peer }: AgentConnection,
  { world, clock }: PassDeps,
): readonly Write[] {
  if (peer === null) return []
  const { serial, notAfter, role } = peer
  const now = clock.now()
  const issued = { serial, keyHash: peer.keyHash(), authority: trust?.signedBy ?? '', issuedAt: now, notAfter }
  return issueWrites(id, role, issued, now, world)
}

/** Why an agent gets no connection, whichever node it is; null: nothing is against it. */
export function refusalOf(hello: Hello, certified: Certified | null, deps: PassDeps): string | null {
  if (certified !== null && hello.nodeId !== null && hello.nodeId !== certified.nodeId && !becameAnother(hello, deps))
    return `the agent says that it is node ${hello.nodeId}, but its certificate is of node ${certified.nodeId}`
  if (!understand(hello.level, deps.level))
    return `the agent knows messages of level ${hello.level}, this server of level ${deps.level}: upgrade one level at a time`
  // Whether to believe the incarnation is for the agent to judge.
  const verdict = judgeAuthority(hello.authority, authorityOf(deps), () => true)
  if (verdict.kind === 'accept') return null
  return verdict.kind === 'stale' ? 'the agent has obeyed a newer leader' : verdict.message
}

/** Its machine took the place of another node, which it has not heard of or which its certificate does not say yet. */
function becameAnother({ machineId, nodeId }: Hello, { world }: PassDeps): boolean {
  return world.nodes().some((node) => node.machineId === machineId && node.id !== nodeId)
}
