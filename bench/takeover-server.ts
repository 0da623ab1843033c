import { createServer } from 'node:net'
import { systemClock } from '../src/drivers/clock.ts'
import { systemRng } from '../src/drivers/rng.ts'
import { EtcdStore } from '../src/store/etcd/etcd-store.ts'
import { aService } from '../test/builders.ts'
import { leadingServer } from './leading-server.ts'

/**
 * One server, as a process of its own: `<name> <port> <endpoints>`. Whenever it begins to lead it is asked for another
 * service, so that there is something to decide. Says `leads <epoch>` then.
 */
const [name = '', port = '0', endpoints = ''] = process.argv.slice(2)
const surroundings = { clock: systemClock(), rng: systemRng() }

const door = createServer((socket) => socket.on('error', () => undefined).end())
await new Promise<void>((resolve) => door.listen(Number(port), '127.0.0.1', resolve))
const store = await EtcdStore.open({ endpoints: endpoints.split(','), namespace: 'takeover', ...surroundings })
const server = await leadingServer(store, '0123456789abcdef', name, port)
const services = { [`web-${name}`]: aService({ name: `web-${name}` }) }
await server.api.apply({ kind: 'apply', manifest: { services, placements: [] }, text: name }, null, {
  by: 'bench',
  idempotencyKey: null,
})
process.stdout.write(`leads ${server.leader?.epoch}\n`)
