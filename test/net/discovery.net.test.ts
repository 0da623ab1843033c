import { existsSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DISCOVERY_GROUP } from '../../src/drivers/discovery/udp-socket.ts'
import { AUTHORITY } from '../discovery-bed.ts'
import { TwoMachines } from './two-machines.ts'

const BLUE = '0123456789abcdef'
const BROADCAST = '10.199.46.255'
const MIB = 1024 * 1024
const [, THERE] = TwoMachines.ADDRESSES
const HINT = { clusterId: BLUE, authorityHash: AUTHORITY, servers: [`${THERE}:7947`], from: THERE }

interface Condition {
  readonly counts: Readonly<Record<string, number>>
  readonly memoryBytes: number
}

function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'namespaces need root; enable it with: sudo npm test'
  const missing = ['ip', 'nft'].filter((name) => !existsSync(`/usr/sbin/${name}`))
  return missing.length === 0 ? null : 'install iproute2 and nftables'
}

function declare(): void {
  let machines: TwoMachines
  beforeEach(async () => {
    machines = await TwoMachines.connect()
  })
  afterEach(() => machines.remove())

  test.each([
    { name: 'broadcast and multicast', deafTo: [] },
    { name: 'broadcast alone', deafTo: [DISCOVERY_GROUP] },
    { name: 'multicast alone', deafTo: [BROADCAST] },
  ])('a server on another machine is found by $name, without a list', async ({ deafTo }) => {
    for (const address of deafTo) await machines.deafen(1, address)
    const server = machines.start(1, 'server', 'blue', BLUE)
    expect(await server.says()).toBe('answering')
    const search = machines.start(0, 'search', 'blue', '20')
    expect(await search.says()).toEqual(HINT)
    // The kernel lists a new link late, so this is a search that was repeated. Both end by themselves: nothing is left open.
    await search.finish()
    await server.finish()
  })

  test('a server that hears neither broadcast nor multicast is not found, nor is another cluster', async () => {
    const other = machines.start(0, 'server', 'green', 'fedcba9876543210')
    for (const address of [DISCOVERY_GROUP, BROADCAST]) await machines.deafen(1, address)
    const deaf = machines.start(1, 'server', 'blue', BLUE)
    expect([await other.says(), await deaf.says()]).toEqual(['answering', 'answering'])
    const search = machines.start(0, 'search', 'blue', '4')
    expect(await search.says()).toBeNull()
    expect(((await deaf.ask()) as Condition).counts['answered']).toBe(0)
    const { counts } = (await other.ask()) as Condition
    expect(counts['answered']).toBe(0)
    expect(counts['another cluster']).toBeGreaterThan(0)
  })

  test('a server goes on answering others while one machine floods it as fast as it can', async () => {
    const server = machines.start(1, 'server', 'blue', BLUE)
    expect(await server.says()).toBe('answering')
    const before = (await server.ask()) as Condition
    const flood = machines.start(0, 'flood', THERE, '100000')
    expect(await flood.says()).toBe('flooding')
    // Its own machine, whose address is not the flood's.
    let over = false
    const flooded = flood.says().finally(() => {
      over = true
    })
    const search = machines.start(1, 'search', 'blue', '20')
    expect(await search.says()).toMatchObject({ clusterId: BLUE })
    expect(over).toBe(false)
    expect(await flooded).toBe('flooded')
    const after = (await server.ask()) as Condition
    expect(after.counts['rate of its source']).toBeGreaterThan(1_000)
    expect(after.memoryBytes - before.memoryBytes).toBeLessThan(32 * MIB)
  })
}

const reason = whyNot()
if (reason === null) declare()
else if (process.env['CI']) throw new Error(`discovery between machines cannot be tested: ${reason}`)
else test.skip(`discovery between machines: ${reason}`)
