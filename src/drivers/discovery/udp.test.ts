import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { AUTHORITY, anAnswer, aSearch, BareSocket } from '../../../test/discovery-bed.ts'
import { freePort } from '../../../test/free-port.ts'
import type { FoundHint } from '../../core/discovery/hint.ts'
import { labelOf } from '../../core/discovery/label.ts'
import { encodeSearch } from '../../core/discovery/packet.ts'
import { createRng } from '../../lib/rng.ts'
import type { AnsweredSearches, Answering, Discovery, ServerSearch } from '../../ports/discovery.ts'
import { systemClock } from '../clock.ts'
import { createLog } from '../log.ts'
import { searchKey } from './keys.ts'
import { udpDiscovery } from './udp.ts'
import { DISCOVERY_GROUP } from './udp-socket.ts'

const SECRET = 'nobody guesses this'
const HINT: FoundHint = {
  clusterId: '0123456789abcdef',
  authorityHash: AUTHORITY,
  servers: ['127.0.0.1:7947'],
  from: '127.0.0.1',
}
const log = createLog({ level: 'error', destination: null, pretty: false })

const answerings: Answering[] = []
afterEach(async () => {
  await Promise.all(answerings.splice(0).map((answering) => answering.close()))
})

function discoveryAt(port: number, bindAddress = '127.0.0.1'): Discovery {
  return udpDiscovery({ clock: systemClock(), rng: createRng(1), log, bindAddress, port })
}

/** A server at the loopback address, and the port that it answers at. */
async function aServer(change: Partial<AnsweredSearches> = {}, at?: number): Promise<[number, Answering]> {
  const port = at ?? (await freePort())
  const answering = await discoveryAt(port).answerSearches(anAnswer(change))
  answerings.push(answering)
  return [port, answering]
}

async function firstFound(search: ServerSearch, port: number, bindAddress?: string): Promise<FoundHint | null> {
  for await (const hint of discoveryAt(port, bindAddress).findServers(search, AbortSignal.timeout(10_000))) return hint
  return null
}

/** A search as a sound program sends it, but for what is said here. */
function aPacket({ nonce = '', at = Date.now(), secret = null as string | null, name = 'blue' } = {}): Uint8Array {
  const whole = nonce.padStart(32, '0')
  return encodeSearch({ nonce: whole, at, label: labelOf(name) }, searchKey(secret, null))
}

test('a node finds a server near it without any list', async () => {
  const [port] = await aServer()
  expect(await firstFound(aSearch(), port)).toEqual(HINT)
})

test.each(['127.255.255.255', DISCOVERY_GROUP])('a server hears what is sent to %s', async (everybody) => {
  const [port, { counts }] = await aServer()
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  try {
    await once(socket, 'listening')
    socket.setBroadcast(true)
    socket.setMulticastInterface('127.0.0.1')
    socket.send(aPacket(), port, everybody)
    const [, from] = await once(socket, 'message')
    expect(from).toMatchObject({ address: '127.0.0.1', port })
    expect(counts.answered).toBe(1)
  } finally {
    socket.close()
  }
})

test('a node finds a server that its configuration names, where nobody near answers', async () => {
  const [port] = await aServer()
  const nodes = [
    { name: 'gone', host: 'no-such-node.invalid', port },
    { name: 'there', host: '127.0.0.1', port },
  ]
  // No interface has this address, so nobody near is asked.
  expect(await firstFound(aSearch({ nodes }), port, '127.0.0.2')).toEqual(HINT)
})

test.each<{ name: string; server?: Partial<AnsweredSearches>; search: Partial<ServerSearch> }>([
  { name: 'with the hash of its authority', search: { authorityHash: AUTHORITY } },
  { name: 'with the configured secret', server: { secret: SECRET }, search: { secret: SECRET } },
])('a node finds its cluster $name', async ({ server, search }) => {
  const [port] = await aServer(server)
  expect(await firstFound(aSearch(search), port)).toEqual(HINT)
})

test('a node that searches for its own cluster does not find others on the same network', async () => {
  const clusterId = 'fedcba9876543210'
  const authorityHash = 'b'.repeat(52)
  const other = anAnswer({ hint: () => ({ clusterId, authorityHash, servers: [':1'] }) })
  const port = await freePort()
  const [, { counts: sameName }] = await aServer({ ...other, authorityHashes: [authorityHash] }, port)
  const [, { counts: otherName }] = await aServer({ ...other, clusterName: 'green' }, port)
  await aServer({}, port)
  const found: FoundHint[] = []
  const enough = new AbortController()
  const search = aSearch({ authorityHash: AUTHORITY })
  for await (const hint of discoveryAt(port).findServers(search, enough.signal)) {
    found.push(hint)
    // The second round's answers would have come before those of the third.
    void until(() => sameName['wrong key'] >= 3).then(() => enough.abort())
  }
  expect(found).toEqual([HINT])
  expect(sameName.answered).toBe(0)
  expect(otherName.answered).toBe(0)
  expect(otherName['another cluster']).toBeGreaterThanOrEqual(3)
})

test('with a secret, nobody without it is answered', async () => {
  const [port, { counts }] = await aServer({ secret: SECRET })
  await using stranger = await BareSocket.open()
  await stranger.send(aPacket({ nonce: '1' }), port)
  await stranger.send(aPacket({ nonce: '2', secret: 'another secret, as long' }), port)
  expect(await firstFound(aSearch({ secret: SECRET }), port)).toEqual(HINT)
  expect(counts['wrong key']).toBe(2)
  expect(stranger.received).toEqual([])
})

test('packets that are replayed, forged, old, cut, oversized or garbage get no answer and do no harm', async () => {
  const [port, { counts }] = await aServer()
  await using honest = await BareSocket.open()
  await using stranger = await BareSocket.open()
  const seen = aPacket({ nonce: 'a' })
  await honest.send(seen, port)
  expect((await honest.next()).length).toBeLessThanOrEqual(seen.length)
  const forged = Uint8Array.from(aPacket({ nonce: 'b' }))
  forged.set([1], 100)
  const bad = [seen, forged, aPacket({ at: Date.now() - 61_000 }), seen.subarray(0, 511), new Uint8Array(60_000)]
  for (const packet of [...bad, new Uint8Array(), Buffer.from('{"node_id":"x"}'), aPacket({ name: 'green' })]) {
    await stranger.send(packet, port)
  }
  await honest.send(aPacket({ nonce: 'c' }), port)
  await honest.next()
  expect(stranger.received).toEqual([])
  expect(counts).toMatchObject({
    answered: 2,
    'nonce was used': 1,
    'wrong key': 1,
    'time is off': 1,
    'smaller than a search': 1,
    'too large': 1,
    'not of this protocol': 2,
    'another cluster': 1,
  })
})

test('a server that has nothing to tell yet stays silent, and answers later', async () => {
  let ready = false
  const [port, { counts }] = await aServer({ hint: () => (ready ? (anAnswer().hint() ?? null) : null) })
  await using early = await BareSocket.open()
  await early.send(aPacket(), port)
  await until(() => counts['nothing to tell'] === 1)
  ready = true
  expect(await firstFound(aSearch(), port)).toEqual(HINT)
  expect(early.received).toEqual([])
})

test('a search ends when its signal aborts', async () => {
  const abort = new AbortController()
  const search = discoveryAt(await freePort())
    .findServers(aSearch(), abort.signal)
    [Symbol.asyncIterator]()
  const next = search.next()
  abort.abort()
  expect(await next).toEqual({ done: true, value: undefined })
})

test('two clusters of one machine answer at one port', async () => {
  const port = await freePort()
  await aServer({ clusterName: 'green' }, port)
  await aServer({}, port)
  expect(await firstFound(aSearch(), port)).toEqual(HINT)
  expect(await firstFound(aSearch({ clusterName: 'green' }), port)).toEqual(HINT)
})

test('what cannot be answered or searched for is refused at once', async () => {
  const port = await freePort()
  const taken = createSocket('udp4').bind(port, '127.0.0.1')
  await once(taken, 'listening')
  await expect(discoveryAt(port).answerSearches(anAnswer())).rejects.toMatchObject({ code: 'PORT_IN_USE' })
  taken.close()
  const nowhere = discoveryAt(port, '192.0.2.77').answerSearches(anAnswer())
  await expect(nowhere).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  await expect(firstFound(aSearch({ secret: 'short' }), port)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  await expect(firstFound(aSearch({ clusterName: '' }), port)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

/** Resolves when the condition holds; looked at each time that the event loop comes round. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
