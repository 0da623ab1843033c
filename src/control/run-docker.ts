import { OperationalError } from '../core/errors.ts'
import type { NodeId } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import { redactArgv } from '../core/node/redact-argv.ts'
import type { DockerRequest } from '../ports/host.ts'
import type { AgentCalls } from '../ports/link.ts'
import type { ExecSession } from '../ports/runtime.ts'
import { type AcceptDeps, commitOnce } from './accept-change.ts'
import type { Caller } from './api.ts'

const LONGEST_RECORDED = 500

/** Runs a command of Docker on a node. It is on record before it begins: who, where, and what without its secrets. */
export async function runDocker(
  node: NodeId,
  request: DockerRequest,
  caller: Caller,
  deps: AcceptDeps & { readonly calls: (node: NodeId) => AgentCalls },
): Promise<ExecSession> {
  const { world, clock } = deps
  const key = keyOf('node', node)
  const held = world.mirror.get(key)
  if (held === null) throw new OperationalError('NOT_FOUND', `there is no node ${node}`)
  const calls = deps.calls(node)
  const command = ['docker', ...redactArgv(request.argv)].join(' ')
  const shown = command.length > LONGEST_RECORDED ? `${command.slice(0, LONGEST_RECORDED)} ...` : command
  const event = {
    kind: 'docker.run',
    object: key,
    service: null,
    message: `\`${shown}\` was run on node ${node}`,
    by: caller.by,
    at: clock.now(),
  } as const
  if ((await commitOnce({ epoch: null, expect: [], writes: [], events: [event] }, deps)) === null)
    throw new OperationalError('CONFLICT', `the command on node ${node} could not be recorded`)
  return calls.docker(request)
}
