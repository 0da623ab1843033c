// One machine of the discovery tests, run in a namespace: `server NAME ID`, `search NAME SECONDS`, `flood ADDRESS PACKETS`.
// It prints JSON lines, and ends by itself when nothing of it is open any more.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { labelOf } from '../../src/core/discovery/label.ts'
import { encodeSearch } from '../../src/core/discovery/packet.ts'
import { systemClock } from '../../src/drivers/clock.ts'
import { searchKey } from '../../src/drivers/discovery/keys.ts'
import { DISCOVERY_PORT, udpDiscovery } from '../../src/drivers/discovery/udp.ts'
import { createLog } from '../../src/drivers/log.ts'
import { systemRng } from '../../src/drivers/rng.ts'
import type { Discovery } from '../../src/ports/discovery.ts'
import { AUTHORITY } from '../discovery-bed.ts'

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** Answers until its input ends; for each line of input it says how it is. */
async function serve(discovery: Discovery, clusterName: string, clusterId: string): Promise<void> {
  const hint = { clusterId, authorityHash: AUTHORITY, servers: [':7947'] }
  const searches = { clusterName, authorityHashes: [AUTHORITY], secret: null, hint: () => hint }
  const answering = await discovery.answerSearches(searches)
  say('answering')
  for await (const _ of createInterface(process.stdin)) {
    const { heapUsed, external } = process.memoryUsage()
    say({ counts: answering.counts, memoryBytes: heapUsed + external })
  }
  await answering.close()
}

/** Says the first hint, or null after so many seconds. */
async function search(discovery: Discovery, clusterName: string, seconds: number): Promise<void> {
  const wanted = { clusterName, authorityHash: AUTHORITY, secret: null, nodes: [] }
  for await (const hint of discovery.findServers(wanted, AbortSignal.timeout(seconds * 1_000))) return say(hint)
  say(null)
}

/** Sound searches from one address as fast as they go, and a few hundred that are garbage. */
async function flood(address: string, packets: number): Promise<void> {
  const socket = createSocket('udp4').bind()
  await once(socket, 'listening')
  const label = labelOf('blue')
  const key = searchKey(null, AUTHORITY)
  say('flooding')
  for (let i = 0; i < packets; i++) {
    const nonce = i.toString(16).padStart(32, '0')
    const packet = i % 100 === 0 ? Buffer.from(nonce) : encodeSearch({ nonce, at: Date.now(), label }, key)
    await new Promise((sent) => socket.send(packet, DISCOVERY_PORT, address, sent))
  }
  socket.close()
  say('flooded')
}

const [role, first = '', second = ''] = process.argv.slice(2)
const log = createLog({ level: 'info', destination: null, pretty: false })
const options = { clock: systemClock(), rng: systemRng(), log, bindAddress: '0.0.0.0', port: DISCOVERY_PORT }
if (role === 'server') await serve(udpDiscovery(options), first, second)
else if (role === 'search') await search(udpDiscovery(options), first, Number(second))
else await flood(first, Number(second))
