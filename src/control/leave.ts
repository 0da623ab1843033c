import { OperationalError } from '../core/errors.ts'
import type { NodeIdentity } from '../core/model/identity.ts'
import { keyOf } from '../core/model/objects.ts'
import type { Write } from '../ports/store.ts'
import { type AcceptDeps, commitOnce } from './accept-change.ts'
import { removeNode } from './accept-node-change.ts'

/**
 * Takes a node out of the cluster at its own word. It says that it runs nothing any more, so what it had is replaced at
 * once, also what must never run twice. A server's tokens for the API go with it. Asked again it does nothing. Throws
 * FORBIDDEN for a machine that is not the node's any more: a certificate lives longer than a replacement takes.
 */
export async function leave(
  { nodeId }: Pick<NodeIdentity, 'nodeId'>,
  machineId: string | null,
  deps: AcceptDeps,
): Promise<void> {
  const node = deps.world.mirror.get(keyOf('node', nodeId))?.value
  if (node === undefined) return
  if (node.machineId !== machineId)
    throw new OperationalError('FORBIDDEN', `another machine stands for node ${nodeId}, and stays`)
  await withdrawTokens(node.name, deps)
  await removeNode(nodeId, { by: `node ${nodeId}`, idempotencyKey: null }, deps)
}

async function withdrawTokens(server: string, deps: AcceptDeps): Promise<void> {
  const own = [...deps.world.mirror.list('access')].filter(({ value }) => value.createdBy === server)
  const [first] = own
  if (first === undefined) return
  const expect = own.map(({ key, revision }) => ({ key, revision }))
  const writes = own.map(({ key }): Write => ({ delete: key }))
  const message = `tokens for the API that ${server} made are good no more: it leaves`
  const at = deps.clock.now()
  const event = { kind: 'token.revoked', object: first.key, service: null, message, by: server, at } as const
  await commitOnce({ epoch: null, expect, writes, events: [event] }, deps)
}
