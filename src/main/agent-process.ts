import type { Agent } from '../agent/agent.ts'
import { OperationalError } from '../core/errors.ts'
import { looksLikeJoinToken } from '../core/identity/join-token.ts'
import type { TaskId } from '../core/model/ids.ts'
import type { RuntimeDescription } from '../core/model/node.ts'
import { VIGILANCES } from '../core/node/vigilance.ts'
import { dialLink } from '../drivers/link/dial.ts'
import { renewIdentity } from '../drivers/link/join.ts'
import { isIncarnationProven } from '../drivers/pki/incarnation-proof.ts'
import { systemRng } from '../drivers/rng.ts'
import type { IncarnationTrust } from '../ports/incarnation-trust.ts'
import type { Log } from '../ports/log.ts'
import { makeDataDir } from './data-dir.ts'
import { type DiscoveryOptions, searchServers } from './discovery.ts'
import { type Identity, joinAndKeep, keepServers, keptServers, readIdentity, rejoinIfNeeded } from './identity.ts'
import { joinWhenPossible } from './join-when-possible.ts'
import { KnownServers } from './known-servers.ts'
import { openLocalFront } from './local-front.ts'
import { MachineIdentity } from './machine-identity.ts'
import { type AgentOptions, nodeName, startAgent } from './node-process.ts'

export interface AgentProcessOptions extends AgentOptions {
  /** `host:port` of servers; empty: those of last time. */
  readonly servers: readonly string[]
  /** Text of a join token, or the cluster secret; null: this machine has joined before. */
  readonly token: string | null
  /** How servers are searched for when none is known. */
  readonly discovery: DiscoveryOptions
  /** Where servers reach this machine; null: by the address that it has towards them. */
  readonly address: string | null
  readonly socketPath: string
}

/** An agent whose servers are elsewhere. */
export interface AgentProcess {
  readonly identity: Identity
  runtimes(): readonly RuntimeDescription[]
  /** Resolves with the reason when a user has sent this machine away and nothing of the cluster runs here any more. */
  readonly dismissed: Promise<string>
  stop(options: { readonly park: boolean }): Promise<readonly TaskId[]>
}

/** Starts an agent, which joins first if it has to. What comes over its socket is passed on to the servers, with the token that it carries. */
export async function startAgentProcess(options: AgentProcessOptions, log: Log): Promise<AgentProcess> {
  const { dataDir, socketPath } = options
  makeDataDir(dataDir)
  const before = await keptServers(dataDir)
  const told = await serversTold(options, before, log)
  const identity = await becomeNode(options, told, log)
  if (identity.role !== 'agent') {
    throw new OperationalError('CONFIG_INVALID', `this machine is server ${identity.nodeId}`, {
      hint: 'start it with `gantry up`',
    })
  }
  const servers = new KnownServers(told, before, (all) => {
    // The next start does without it.
    keepServers(dataDir, all).catch((error: Error) =>
      log.warn('cannot keep where servers are', { reason: error.message }),
    )
  })
  await keepServers(dataDir, servers.all)
  let agent: Agent | null = null
  const machine = await MachineIdentity.open({
    dataDir,
    identity,
    log,
    wall: Date.now,
    renew: (present) => renewIdentity(servers.all, present),
    onChange: () => agent?.introduce(),
  })
  const link = dialLink({
    servers: () => servers.all,
    onServer: (address) => servers.met(address),
    identity: () => machine.present,
    revoked: () => machine.revoked,
    rng: systemRng(),
    heartbeatMs: VIGILANCES.normal.heartbeatMs,
    log,
  })
  const { clusterId, nodeId } = identity
  const dismissed = Promise.withResolvers<string>()
  const trusts: IncarnationTrust = (cluster, incarnation, proof) =>
    isIncarnationProven(machine.present.files.bundle, { clusterId: cluster, incarnation }, proof)
  const { address } = options
  const who = { clusterId, nodeId, address, identity: machine, onDismissed: dismissed.resolve, trusts }
  const started = await startAgent(options, who, link, log)
  agent = started.agent
  const front = await openLocalFront(socketPath, () => link.servers(), machine)
  return {
    identity,
    runtimes: () => started.agent.runtimes,
    dismissed: dismissed.promise,
    stop: async ({ park }) => {
      machine.end()
      const left = await started.agent.stop({ park })
      await front.close()
      await Promise.all(started.runtimes.map((runtime) => runtime.close()))
      return left
    },
  }
}

/** Those that were named, else those of last time, else whoever answers a search. */
async function serversTold(
  { servers, token, discovery }: AgentProcessOptions,
  kept: readonly string[],
  log: Log,
): Promise<readonly string[]> {
  if (servers.length > 0) return servers
  if (kept.length > 0) return kept
  if (token === null || !looksLikeJoinToken(token))
    throw new OperationalError('USAGE', 'no server is named', { hint: 'give --servers HOST,HOST' })
  return searchServers(discovery, token, log)
}

/** What this machine is, or becomes by joining. */
async function becomeNode(options: AgentProcessOptions, servers: readonly string[], log: Log): Promise<Identity> {
  const { dataDir, token, address } = options
  const present = await readIdentity(dataDir)
  const addresses = address === null ? [] : [address]
  const name = nodeName(options)
  if (present !== null && token === null) return present
  if (present !== null && token !== null)
    return rejoinIfNeeded(dataDir, present, { servers, token, name, addresses }, Date.now(), log)
  if (token === null) {
    throw new OperationalError('PREREQUISITE', 'this machine belongs to no cluster yet', {
      hint: 'give --join-token-file; `gantry join-token create` on a server makes a token',
    })
  }
  const asking = { servers, token, role: 'agent', name, addresses } as const
  return joinWhenPossible(() => joinAndKeep(dataDir, asking), log)
}
