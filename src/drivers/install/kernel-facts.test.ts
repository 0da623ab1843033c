import { expect, test } from 'vitest'
import { isConfigured, kernelFacts, kernelRoutes, parseRoutes } from './kernel-facts.ts'

const TABLE = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100000A	0003	0	0	0	00000000	0	0	0
eth0	0000000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
`

test('routes of the kernel are ranges and devices, without default ones', () => {
  expect(parseRoutes(TABLE)).toEqual([
    { range: '10.0.0.0/24', device: 'eth0' },
    { range: '172.17.0.0/16', device: 'docker0' },
  ])
  expect(parseRoutes('')).toEqual([])
})

test('the kernel of this machine is described', () => {
  expect(kernelFacts().release).not.toBe('')
  for (const { range } of kernelRoutes()) expect(range).toMatch(/^\d+\.\d+\.\d+\.\d+\/\d+$/)
})

test('what a kernel has built in is known from its configuration where it is no module', () => {
  const configuration = 'CONFIG_VXLAN=m\nCONFIG_NF_TABLES=y\nCONFIG_NF_TABLES_INET=y\n# CONFIG_WIREGUARD is not set\n'
  expect(['vxlan', 'nf_tables', 'wireguard'].map((name) => isConfigured(name, configuration))).toEqual([
    true,
    true,
    false,
  ])
})
