import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { anAnswer, aSearch, BareSocket } from '../../../test/discovery-bed.ts'
import { freePort } from '../../../test/free-port.ts'
import { labelOf } from '../../core/discovery/label.ts'
import { encodeSearch } from '../../core/discovery/packet.ts'
import { createRng } from '../../lib/rng.ts'
import { systemClock } from '../clock.ts'
import { createLog } from '../log.ts'
import { searchKey } from './keys.ts'
import { udpDiscovery } from './udp.ts'

const PACKETS = 50_000
const MIB = 1024 * 1024

/** Bytes in use after a collection. */
function usedMemory(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Sound searches, searches with a wrong key, garbage, and one search over and over. */
function floodPacket(i: number): Uint8Array {
  const nonce = i.toString(16).padStart(32, '0')
  const search = { nonce, at: Date.now(), label: labelOf('blue') }
  if (i % 4 === 0) return encodeSearch(search, searchKey(null, null))
  if (i % 4 === 1) return encodeSearch(search, searchKey('a secret of another one', null))
  if (i % 4 === 2) return Buffer.from(nonce.repeat(16))
  return encodeSearch({ ...search, nonce: '0'.repeat(32) }, searchKey(null, null))
}

test('a flood from one address does not stop answers to another, nor does it grow the memory', async () => {
  await using flooder = await BareSocket.open('127.0.0.1')
  const log = createLog({ level: 'error', destination: null, pretty: false })
  const options = { clock: systemClock(), rng: createRng(1), log }
  const port = await freePort()
  const answering = await udpDiscovery({ ...options, bindAddress: '127.0.0.1', port }).answerSearches(anAnswer())
  const searcher = udpDiscovery({ ...options, bindAddress: '127.0.0.2', port })
  const nodes = [{ name: 'server', host: '127.0.0.1', port }]
  const find = async (): Promise<boolean> => {
    for await (const _ of searcher.findServers(aSearch({ nodes }), AbortSignal.timeout(20_000))) return true
    return false
  }
  try {
    const before = usedMemory()
    const startedAt = performance.now()
    const finding: Promise<boolean>[] = []
    let found = 0
    for (let i = 0; i < PACKETS; i++) {
      if (i % 10_000 === 0) finding.push(find().finally(() => found++))
      const sent = flooder.send(floodPacket(i), port)
      // As many as the server takes in one turn of the event loop, which it shares with the flood.
      if (i % 20 === 0) await Promise.all([sent, new Promise((resolve) => setImmediate(resolve))])
    }
    // While the flood went on, not after it.
    expect(found).toBeGreaterThanOrEqual(4)
    expect(await Promise.all(finding)).toEqual([true, true, true, true, true])
    const seconds = Math.ceil((performance.now() - startedAt) / 1_000)
    expect(usedMemory() - before).toBeLessThan(4 * MIB)
    expect(flooder.received.length).toBeLessThanOrEqual(10 * (seconds + 1))
    expect(flooder.received.every(({ length }) => length <= 512)).toBe(true)
    const judged = Object.values(answering.counts).reduce((sum, count) => sum + count, 0)
    expect(judged).toBeGreaterThan(PACKETS / 2)
  } finally {
    await answering.close()
  }
})
