import { expect, test } from 'vitest'
import { loadAgentSections } from '../manifest/load-agent-sections.ts'
import { differences, type InstallInput, type NodeWish, nodeSettings, settingsText } from './node-settings.ts'
import type { ServerEntry } from './seeds.ts'

const seed = (host: string, port = 7947): ServerEntry => ({ text: host, host, port, addresses: [host] })
const PLAIN: NodeWish = {
  ...{ name: null, placement: null, publicAddress: null, region: null, zone: null, labels: {} },
  ...{ runtimes: ['docker'], dockerHost: null, address: null, listen: null, backend: {} },
}
const SECRET = { kind: 'clusterSecret', secret: 'x' } as const
const tokenOf = (role: 'server' | 'agent'): InstallInput['secret'] => ({
  ...{ kind: 'token', token: { role, authorityHash: '', id: '', secret: '' } },
})
const input = (change: Partial<InstallInput> = {}): InstallInput => ({
  ...{ volume: '/srv/g', secretFile: '/srv/g/join.secret', seeds: [seed('10.0.0.1')], secret: SECRET, wish: PLAIN },
  ...{ standing: { role: 'agent', position: null }, own: new Set(['10.0.0.1']) },
  ...change,
})
const FIRST = { role: 'server', position: 0 } as const
const SECOND = { role: 'server', position: 1 } as const
const ETCD: NodeWish = { ...PLAIN, backend: { type: 'etcd', etcd_endpoints: ['10.0.0.9:2379'] } }

test('an agent asks every server, and is told what it is', () => {
  const wish = { ...PLAIN, placement: 'edge', labels: { disk: 'ssd' }, region: 'eu', publicAddress: '203.0.113.7' }
  expect(nodeSettings(input({ wish }))).toEqual({
    data_dir: '/srv/g',
    node: {
      ...{ role: 'agent', placement: 'edge', public_address: '203.0.113.7', region: 'eu', labels: { disk: 'ssd' } },
      ...{ runtimes: ['docker'], servers: ['10.0.0.1:7947'], join_token_file: '/srv/g/join.secret' },
    },
  })
})

test('the first server asks nobody, the second the others, and each listens at its own entry', () => {
  const seeds = [seed('10.0.0.1'), seed('two', 8000), seed('fd00::3')]
  const first = nodeSettings(input({ seeds, standing: FIRST, wish: ETCD }))
  expect(first.node).toMatchObject({
    link: '10.0.0.1:7947',
    advertise: '10.0.0.1',
    seeds: ['10.0.0.1', 'two', 'fd00::3'],
  })
  expect(first.node.servers).toBeUndefined()
  const second = nodeSettings(input({ seeds, standing: SECOND, wish: ETCD }))
  expect(second.backend).toEqual(ETCD.backend)
  expect(second.node).toMatchObject({
    ...{ link: '0.0.0.0:8000', advertise: 'two', servers: ['10.0.0.1:7947', '[fd00::3]:7947'] },
  })
  const joining = nodeSettings(input({ seeds, standing: FIRST, wish: ETCD, secret: tokenOf('server') }))
  expect(joining.node.servers).toEqual(['two:8000', '[fd00::3]:7947'])
})

test('several servers that name no store keep one themselves', () => {
  const seeds = [seed('10.0.0.1'), seed('two', 8000)]
  expect(nodeSettings(input({ seeds, standing: SECOND })).backend).toEqual({
    type: 'managed-etcd',
    seeds: ['10.0.0.1', 'two'],
  })
  expect(nodeSettings(input({ standing: FIRST })).backend).toBeUndefined()
})

test.each<[string, Partial<InstallInput>, string]>([
  [
    'several servers without a store that they share',
    { seeds: [seed('a'), seed('b')], standing: SECOND, wish: { ...PLAIN, backend: { type: 'sqlite' } } },
    'on one machine',
  ],
  ['a token for the other role', { secret: tokenOf('server') }, 'lets in servers'],
  ['a token on the only server', { secret: tokenOf('server'), standing: FIRST }, 'no other server'],
])('an install is refused for %s', (_, change, words) => {
  expect(() => nodeSettings(input(change))).toThrow(words)
})

test('the file of a node reads back as what was written', () => {
  const wish = {
    ...ETCD,
    name: 'n "1"',
    labels: { note: 'a: b # c' },
    listen: '127.0.0.1:9000',
    dockerHost: 'unix:///x',
  }
  const settings = nodeSettings(input({ standing: FIRST, wish }))
  const { sections, problems, notes } = loadAgentSections(settingsText(settings), 'gantry.yaml')
  expect({ problems, notes }).toEqual({ problems: [], notes: [] })
  expect(sections).toEqual(settings)
})

test('ports of the servers’ own etcd stand in the file as numbers, as it wants them', () => {
  const wish = { ...PLAIN, backend: { type: 'managed-etcd', etcd_client_port: '12379' } }
  const text = settingsText(nodeSettings(input({ standing: FIRST, wish, seeds: [seed('10.0.0.1'), seed('b')] })))
  expect(text).toContain('etcd_client_port: 12379\n')
  expect(loadAgentSections(text, 'gantry.yaml').problems).toEqual([])
})

test('what differs between two settings is told one by one', () => {
  const before = nodeSettings(input())
  expect(differences(before, before)).toEqual([])
  const wish = { ...PLAIN, placement: 'edge', labels: { a: '1' } }
  expect(differences(before, nodeSettings(input({ wish, seeds: [seed('10.0.0.1'), seed('b')] })))).toEqual([
    'node.labels.a: (not set) → 1',
    'node.placement: (not set) → edge',
    'node.servers: 10.0.0.1:7947 → 10.0.0.1:7947,b:7947',
  ])
})
