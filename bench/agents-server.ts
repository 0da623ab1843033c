import { readFileSync } from 'node:fs'
import { createServer, type TLSSocket } from 'node:tls'
import type { Server } from '../src/control/server.ts'
import { keyOf } from '../src/core/model/objects.ts'
import { joinedNode } from '../src/core/node/join.ts'
import { heartbeatFor, VIGILANCES } from '../src/core/node/vigilance.ts'
import { listenForAgents } from '../src/drivers/link/listen.ts'
import type { StoredIdentity } from '../src/drivers/pki/identity-files.ts'
import { mutualTls } from '../src/drivers/pki/mutual-tls.ts'
import { SqliteStore } from '../src/store/sqlite.ts'
import { aService } from '../test/builders.ts'
import { SILENT } from '../test/silent-log.ts'
import { CLUSTER, figures, helloOf } from './agents-frame.ts'
import { leadingServer } from './leading-server.ts'

/**
 * A server with a link on SQLite, or with `bare` as the first word one that only sends back what comes over mutual TLS:
 * `link|bare <port> <file with its identity> <database> <agents>`. Says its figures when asked.
 */
const [kind = '', port = '0', identityFile = '', database = '', agents = '0'] = process.argv.slice(2)
const identity = JSON.parse(readFileSync(identityFile, 'utf8')) as StoredIdentity
const connections = { taken: 0, ended: 0 }

if (kind === 'bare') await serveBare()
else await serveLink()
process.on('message', () => process.send?.(figures(connections)))
process.send?.(figures(connections))

async function serveBare(): Promise<void> {
  const server = createServer(mutualTls(identity), (socket: TLSSocket) => {
    connections.taken += 1
    socket.once('close', () => {
      connections.ended += 1
    })
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => socket.write(chunk))
  })
  await new Promise<void>((resolve) =>
    server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4_096 }, resolve),
  )
}

async function serveLink(): Promise<void> {
  const store = await SqliteStore.open(database)
  const server = await leadingServer(store, CLUSTER, 'bench', port)
  if (server.api.cluster().desiredRevision === 0) await prepare(store, server)
  await listenForAgents({
    host: '127.0.0.1',
    port: Number(port),
    clusterId: CLUSTER,
    identity,
    revoked: () => new Set(),
    heartbeatMs: () => heartbeatFor(VIGILANCES.normal, server.nodeCount),
    log: SILENT,
    onAgent: (connection) => {
      connections.taken += 1
      connection.onClose(() => {
        connections.ended += 1
      })
      server.accept(connection)
    },
    protocols: {},
    // All agents have the same address here.
    limits: { total: 20_000, perAddress: 20_000 },
  })
}

/** The nodes as their joins would have written them, and a service that gives each a task. */
async function prepare(store: SqliteStore, server: Server): Promise<void> {
  const ids = Array.from({ length: Number(agents) }, (_, i) => i + 1)
  for (let from = 0; from < ids.length; from += 100) {
    const writes = ids.slice(from, from + 100).map((id) => {
      return { put: keyOf('node', id), value: joinedNode(helloOf(id), id, null, 'ready', 0) } as const
    })
    await store.commit({ epoch: null, expect: [], writes, events: [] })
  }
  const services = { probe: aService({ name: 'probe', mode: 'global' }) }
  const change = { kind: 'apply', manifest: { services, placements: [] }, text: 'bench' } as const
  await server.api.apply(change, null, { by: 'bench', idempotencyKey: null })
}
