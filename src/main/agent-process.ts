import { createServer, type Server as SocketServer } from 'node:net'
import { OperationalError } from '../core/errors.ts'
import type { TaskId } from '../core/model/ids.ts'
import type { RuntimeDescription } from '../core/model/node.ts'
import { VIGILANCES } from '../core/node/vigilance.ts'
import { systemClock } from '../drivers/clock.ts'
import { dialLink } from '../drivers/link/dial.ts'
import { renewIdentity } from '../drivers/link/join.ts'
import { IdentityFiles } from '../drivers/pki/identity-files.ts'
import { isIncarnationProven } from '../drivers/pki/incarnation-proof.ts'
import { systemRng } from '../drivers/rng.ts'
import type { IncarnationTrust } from '../ports/incarnation-trust.ts'
import type { Log } from '../ports/log.ts'
import { listenOnSocket } from '../transport/http/listeners.ts'
import { makeDataDir } from './data-dir.ts'
import { type DiscoveryOptions, searchServers } from './discovery.ts'
import { type Identity, joinAndKeep, keepServers, keptServers, readIdentity } from './identity.ts'
import { dialApi } from './link-service.ts'
import { type AgentOptions, nodeName, startAgent } from './node-process.ts'
import { keepRenewed } from './renewal.ts'

export interface AgentProcessOptions extends AgentOptions {
  /** `host:port` of servers; empty: those of last time. */
  readonly servers: readonly string[]
  /** Text of a join token; null: this machine has joined before. */
  readonly token: string | null
  /** How servers are searched for when none is known. */
  readonly discovery: DiscoveryOptions
  /** Where servers reach this machine; null: where it connects from. */
  readonly address: string | null
  readonly socketPath: string
}

/** An agent whose servers are elsewhere. */
export interface AgentProcess {
  readonly identity: Identity
  runtimes(): readonly RuntimeDescription[]
  stop(options: { readonly park: boolean }): Promise<readonly TaskId[]>
}

/** Starts an agent, which joins first if it has to. What comes over its socket is passed on to the servers, with the token that it carries. */
export async function startAgentProcess(options: AgentProcessOptions, log: Log): Promise<AgentProcess> {
  const { dataDir, socketPath } = options
  makeDataDir(dataDir)
  const servers = await knownServers(options, log)
  let identity = (await readIdentity(dataDir)) ?? (await joinNow(options, servers))
  if (identity.role !== 'agent') {
    throw new OperationalError('CONFIG_INVALID', `this machine is server ${identity.nodeId}`, {
      hint: 'start it with `gantry up`',
    })
  }
  await keepServers(dataDir, servers)
  const link = dialLink({
    servers: () => servers,
    identity: () => identity,
    rng: systemRng(),
    heartbeatMs: VIGILANCES.normal.heartbeatMs,
    log,
  })
  const { clusterId, nodeId } = identity
  const trusts: IncarnationTrust = (cluster, incarnation, proof) =>
    isIncarnationProven(identity.files.bundle, { clusterId: cluster, incarnation }, proof)
  const who = { clusterId, nodeId, address: options.address, trusts }
  const { agent, runtimes } = await startAgent(options, who, link, log)
  const front = await passOn(socketPath, servers, () => identity)
  const ending = new AbortController()
  void keepRenewed(
    {
      clock: systemClock(),
      rng: systemRng(),
      log,
      present: () => identity.files,
      renew: (present) => renewIdentity(servers, present),
      take: async (files) => {
        await new IdentityFiles(dataDir).write(files)
        identity = { ...identity, files }
      },
    },
    ending.signal,
  )
  return {
    identity,
    runtimes: () => agent.runtimes,
    stop: async ({ park }) => {
      ending.abort(new Error('the agent ends'))
      const left = await agent.stop({ park })
      await new Promise((resolve) => front.close(resolve))
      await Promise.all(runtimes.map((runtime) => runtime.close()))
      return left
    },
  }
}

/** Those that were named, else those of last time, else whoever answers a search. */
async function knownServers(
  { servers, dataDir, token, discovery }: AgentProcessOptions,
  log: Log,
): Promise<readonly string[]> {
  if (servers.length > 0) return servers
  const kept = await keptServers(dataDir)
  if (kept.length > 0) return kept
  if (token === null) throw new OperationalError('USAGE', 'no server is named', { hint: 'give --servers HOST,HOST' })
  return searchServers(discovery, token, log)
}

function joinNow(options: AgentProcessOptions, servers: readonly string[]): Promise<Identity> {
  const { dataDir, token, address } = options
  if (token === null) {
    throw new OperationalError('PREREQUISITE', 'this machine belongs to no cluster yet', {
      hint: 'give --join-token-file; `gantry join-token create` on a server makes a token',
    })
  }
  const addresses = address === null ? [] : [address]
  return joinAndKeep(dataDir, { servers, token, role: 'agent', name: nodeName(options), addresses })
}

/** Every connection to the local socket becomes one to the API of a server. */
async function passOn(path: string, servers: readonly string[], identity: () => Identity): Promise<SocketServer> {
  const front = createServer((socket) => {
    socket.on('error', () => undefined)
    void (async () => {
      for (const server of servers) {
        try {
          const other = await dialApi(server, identity())
          socket.pipe(other)
          other.pipe(socket)
          other.once('error', () => socket.destroy())
          other.once('close', () => socket.destroy())
          socket.once('close', () => other.destroy())
          return
        } catch (error) {
          if (!(error instanceof OperationalError)) throw error
        }
      }
      socket.destroy()
    })()
  })
  await listenOnSocket(front, path)
  return front
}
