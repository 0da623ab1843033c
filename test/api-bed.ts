import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Api } from '../src/control/api.ts'
import type { Server } from '../src/control/server.ts'
import { systemClock } from '../src/drivers/clock.ts'
import type { AgentConnection } from '../src/ports/link.ts'
import type { Log } from '../src/ports/log.ts'
import { MemoryStore } from '../src/store/memory.ts'
import { type Client, createClient } from '../src/transport/client.ts'
import type { ServerLimits } from '../src/transport/http/new-server.ts'
import { type HttpServer, type ListenAddress, startHttp } from '../src/transport/http/server.ts'
import { aLeader } from './bed-server.ts'
import { plainAuthority, plainCertifier } from './plain-certifier.ts'
import { SILENT } from './silent-log.ts'
import { simpleAgent } from './simple-agent.ts'

export const TOKEN = 'a-token-for-tests-only'

/** A server with one node on which every task runs at once, and its API on a port and on a socket. */
export interface ApiBed {
  readonly api: Api
  readonly http: HttpServer
  readonly url: string
  readonly socketPath: string
  /** Through the port, with the token. */
  readonly client: Client
  readonly logged: readonly string[]
  /** Gives the cluster a certificate authority. */
  foundAuthority(): Promise<void>
  /** Connects one more agent. */
  join(agent: AgentConnection): void
  [Symbol.asyncDispose](): Promise<void>
}

export interface ApiBedOptions {
  readonly auth?: 'token' | 'none'
  readonly now?: () => number
  readonly listen?: ListenAddress
  readonly limits?: ServerLimits
}

export async function openApiBed(options: ApiBedOptions = {}): Promise<ApiBed> {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-api-'))
  const socketPath = join(directory, 'gantry.sock')
  const store = new MemoryStore()
  const server = await aServer(store)
  const logged: string[] = []
  const log: Log = { ...SILENT, error: (message, fields) => logged.push(`${message} ${JSON.stringify(fields)}`) }
  const http = await startHttp({
    api: server.api,
    log,
    listen: options.listen ?? { host: '127.0.0.1', port: 0 },
    socketPath,
    tokens: () => [{ id: 'test', sha256: createHash('sha256').update(TOKEN).digest('hex') }],
    auth: options.auth ?? 'token',
    version: '0.1.0',
    ...(options.now === undefined ? {} : { now: options.now }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  })
  const url = http.address ?? ''
  return {
    api: server.api,
    http,
    url,
    socketPath,
    client: createClient({ url, token: TOKEN }),
    logged,
    foundAuthority: async () => {
      const notAfter = Number.MAX_SAFE_INTEGER
      const issued = { serial: 's1', keyHash: 'k1', authority: '[authority 1]', issuedAt: 0, notAfter }
      await server.foundAuthority(plainAuthority(), { nodeId: 1, issued, proof: null })
    },
    join: (agent) => server.accept(agent),
    [Symbol.asyncDispose]: async () => {
      await http.close()
      await server.stop()
      await store.close()
      rmSync(directory, { recursive: true })
    },
  }
}

async function aServer(store: MemoryStore): Promise<Server> {
  const clock = systemClock()
  const certifier = plainCertifier()
  const server = await aLeader({ store, clock, certifier: () => certifier }, 'round-robin')
  server.accept(simpleAgent(clock))
  for await (const event of server.api.watchEvents(ALL_EVENTS, new AbortController().signal)) {
    if (event.kind === 'node.joined') break
  }
  return server
}

export const ALL_EVENTS = { after: null, service: null, object: null, limit: null }

/** Resolves when the condition holds; looks whenever something has happened. */
export async function until(api: Api, holds: () => boolean): Promise<void> {
  if (holds()) return
  for await (const _ of api.watchEvents(ALL_EVENTS, AbortSignal.timeout(10_000))) if (holds()) return
  throw new Error('it did not come to that in 10 s')
}
