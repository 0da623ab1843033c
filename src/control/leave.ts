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
  await forgetServer(node.name, deps)
  await removeNode(nodeId, { by: `node ${nodeId}`, idempotencyKey: null }, deps)
}

/** What a server of that name has left in the state: that it is one, and its tokens. */
async function forgetServer(name: string, deps: AcceptDeps): Promise<void> {
  const { mirror } = deps.world
  const tokens = [...mirror.list('access')].filter(({ value }) => value.createdBy === name)
  const own = [mirror.get(keyOf('server', name)), ...tokens].filter((held) => held !== null)
  const [first] = own
  if (first === undefined) return
  const expect = own.map(({ key, revision }) => ({ key, revision }))
  const writes = own.map(({ key }): Write => ({ delete: key }))
  const message = `server ${name} leaves, and its tokens for the API are good no more`
  const event = {
    kind: 'server.changed',
    object: first.key,
    service: null,
    message,
    by: name,
    at: deps.clock.now(),
  } as const
  await commitOnce({ epoch: null, expect, writes, events: [event] }, deps)
}
