import { expect, test } from 'vitest'
import { clientUrlOf, type EtcdSetting, etcdArguments } from './arguments.ts'
import { planUpkeep } from './plan-upkeep.ts'

const SETTING: EtcdSetting = {
  name: 's2',
  host: 'fd00::2',
  listenHost: '0.0.0.0',
  clientPort: 2379,
  peerPort: 2380,
  dataDir: '/d/etcd',
  token: 'gantry-0123',
  authorityFile: '/d/etcd-run/authority.crt',
  memberFile: '/d/etcd-run/member.pem',
}
const member = (name: string, host: string) => {
  return { id: host, name, peerUrl: `https://${host}:2380`, clientUrl: null, isLearner: false }
}

test('the first member begins a new cluster, and one with data names only itself', () => {
  expect(etcdArguments(SETTING, [])).toEqual(
    expect.arrayContaining([
      '--initial-cluster=s2=https://[fd00::2]:2380',
      '--initial-cluster-state=new',
      '--initial-cluster-token=gantry-0123',
    ]),
  )
})

test('a member that joins names all of them, and itself once', () => {
  const words = etcdArguments(SETTING, [member('s1', '10.0.0.1'), member('', '[fd00::2]'), member('', '10.0.0.3')])
  expect(words).toContain(
    '--initial-cluster=s2=https://[fd00::2]:2380,s1=https://10.0.0.1:2380,member-10.0.0.3=https://10.0.0.3:2380',
  )
  expect(words).toContain('--initial-cluster-state=existing')
})

test('both ports ask for certificates, and only a recovery goes on alone', () => {
  const words = etcdArguments(SETTING, [])
  expect(words).toEqual(expect.arrayContaining(['--client-cert-auth=true', '--peer-client-cert-auth=true']))
  for (const word of words) expect(word).not.toContain('http://')
  expect(words).not.toContain('--force-new-cluster=true')
  expect(etcdArguments(SETTING, [], { forceNewCluster: true })).toContain('--force-new-cluster=true')
  expect(clientUrlOf(SETTING)).toBe('https://[fd00::2]:2379')
})

const MIB = 1024 ** 2
test.each([
  ['a small one', { sizeBytes: 20 * MIB, usedBytes: MIB, alarms: [], isWhole: true }, null],
  ['one full of holes', { sizeBytes: 100 * MIB, usedBytes: 10 * MIB, alarms: [], isWhole: true }, 'defragment'],
  [
    'one full of holes while another is away',
    { sizeBytes: 100 * MIB, usedBytes: 10 * MIB, alarms: [], isWhole: false },
    null,
  ],
  ['one that is in use', { sizeBytes: 100 * MIB, usedBytes: 60 * MIB, alarms: [], isWhole: true }, null],
  ['a full one', { sizeBytes: 100 * MIB, usedBytes: 99 * MIB, alarms: ['no space'], isWhole: false }, 'make room'],
  ['a corrupt one', { sizeBytes: MIB, usedBytes: MIB, alarms: ['corrupt'], isWhole: true }, null],
] as const)('upkeep of %s', (_, view, kind) => {
  expect(planUpkeep(view)?.kind ?? null).toBe(kind)
})
