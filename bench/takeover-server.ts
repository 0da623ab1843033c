import { createServer } from 'node:net'
import { Server } from '../src/control/server.ts'
import { LEVEL } from '../src/core/model/level.ts'
import { VIGILANCES } from '../src/core/node/vigilance.ts'
import { systemClock } from '../src/drivers/clock.ts'
import { tcpReach } from '../src/drivers/reach.ts'
import { systemRng } from '../src/drivers/rng.ts'
import { EtcdStore } from '../src/store/etcd/etcd-store.ts'
import { aService } from '../test/builders.ts'
import { backupTools } from '../test/memory-shelf.ts'

/**
 * One server, as a process of its own: `<name> <port> <endpoints>`. Whenever it begins to lead it is asked for another
 * service, so that there is something to decide. Says `leads <epoch>` then.
 */
const [name = '', port = '0', endpoints = ''] = process.argv.slice(2)
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const clock = systemClock()
const rng = systemRng()

const door = createServer((socket) => socket.on('error', () => undefined).end())
await new Promise<void>((resolve) => door.listen(Number(port), '127.0.0.1', resolve))
const store = await EtcdStore.open({ endpoints: endpoints.split(','), namespace: 'takeover', clock, rng })
const server = new Server({
  store,
  clock,
  rng,
  log: SILENT,
  reach: tcpReach(),
  certifier: () => null,
  backups: backupTools(),
  config: {
    name,
    address: `127.0.0.1:${port}`,
    newCluster: () => ({ id: '0123456789abcdef', name: 'bench', incarnation: 1, createdAt: clock.now() }),
    strategy: 'spread',
    vigilance: VIGILANCES.normal,
    preferRegion: null,
    version: 'bench',
    level: LEVEL,
  },
})
await server.start()
await server.untilLeading()
const services = { [`web-${name}`]: aService({ name: `web-${name}` }) }
await server.api.apply({ kind: 'apply', manifest: { services, placements: [] }, text: name }, null, {
  by: 'bench',
  idempotencyKey: null,
})
process.stdout.write(`leads ${server.leader?.epoch}\n`)
