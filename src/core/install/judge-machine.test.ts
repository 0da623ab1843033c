import { expect, test } from 'vitest'
import { overlap, parseRange } from './address-range.ts'
import { judgeMachine, type MachineFacts } from './judge-machine.ts'

const GIB = 2 ** 30
const FIT: MachineFacts = {
  ports: [{ port: 7947, protocol: 'tcp', host: '10.0.0.1', purpose: 'link', needed: true, taken: null }],
  servers: [{ server: 'a:7947', offsetMs: 12, message: '' }],
  engine: { version: '27.0', available: true, message: '' },
  store: [],
  etcd: null,
  canDoWithoutEngine: false,
  kernel: { release: '6.1', cgroup2: true, vxlan: 'available', nftables: 'loaded', wireguard: 'missing' },
  routes: [{ range: '192.168.0.0/24', device: 'eth0' }],
  disk: { path: '/var/lib/gantry', freeBytes: 50 * GIB, message: '' },
  isRoot: true,
}

const states = (change: Partial<MachineFacts>): Record<string, string> =>
  Object.fromEntries(judgeMachine({ ...FIT, ...change }).map(({ check, state }) => [check, state]))

test('a machine that fits has nothing to say against it', () => {
  expect(judgeMachine(FIT).map(({ check, state, todo }) => [check, state, todo])).toEqual(
    [
      'user',
      'port 7947/tcp',
      'server a:7947',
      'clock',
      'engine',
      'kernel',
      'VXLAN',
      'nftables',
      'WireGuard',
      'addresses',
      'disk',
    ].map((check) => [check, 'ok', '']),
  )
})

const port = FIT.ports[0]
const taken = {
  ...port,
  port: 7947,
  protocol: 'tcp',
  host: 'h',
  purpose: 'p',
  taken: 'another program has it',
} as const
const away = { server: 'a:7947', offsetMs: null, message: 'ECONNREFUSED' }
const offset = (ms: number): Partial<MachineFacts> => ({ servers: [{ server: 'a:7947', offsetMs: ms, message: '' }] })
const route = (range: string): Partial<MachineFacts> => ({ routes: [{ range, device: 'eth0' }] })
const silent = (member: string): MachineFacts['store'][number] => ({ member, silence: 'no answer' })
const engine = { version: '', available: false, message: 'no engine' }
test.each<[string, Partial<MachineFacts>, Record<string, string>]>([
  ['a port that is taken and needed', { ports: [{ ...taken, needed: true }] }, { 'port 7947/tcp': 'fail' }],
  [
    'a port that is taken and can be done without',
    { ports: [{ ...taken, needed: false }] },
    { 'port 7947/tcp': 'warn' },
  ],
  [
    'an etcd that cannot be run',
    { etcd: { version: '', message: 'no such program', todo: 'install it' } },
    { etcd: 'fail' },
  ],
  ['an etcd with known faults', { etcd: { version: '3.4.23', message: '', todo: '' } }, { etcd: 'warn' }],
  ['an etcd without any', { etcd: { version: '3.4.42', message: '', todo: '' } }, { etcd: 'ok' }],
  ['a server that does not answer yet', { servers: [away] }, { 'server a:7947': 'warn', clock: 'ok' }],
  [
    'a member of the store that does not answer beside one that does',
    { store: [silent('a:2379'), { member: 'b:2379', silence: null }] },
    { 'store a:2379': 'warn', 'store b:2379': 'ok' },
  ],
  ['a store of which nobody answers', { store: [silent('a:2379')] }, { 'store a:2379': 'fail' }],
  ['a clock that is a second off', offset(1_001), { clock: 'warn' }],
  ['a clock that is five minutes behind', offset(-300_001), { clock: 'fail' }],
  ['no engine where one is needed', { engine }, { engine: 'fail' }],
  ['no engine where processes run too', { engine, canDoWithoutEngine: true }, { engine: 'warn' }],
  ['a node of processes only', { engine: null }, { engine: 'ok' }],
  ['a route into the addresses of services', route('10.40.0.0/16'), { addresses: 'fail' }],
  ['a route to exactly those', route('10.32.0.0/12'), { addresses: 'fail' }],
  ['a route around the addresses of services', route('10.0.0.0/8'), { addresses: 'warn' }],
  ['a disk that is full', { disk: { path: '/', freeBytes: 1, message: '' } }, { disk: 'fail' }],
  ['a disk that is nearly full', { disk: { path: '/', freeBytes: GIB, message: '' } }, { disk: 'warn' }],
  [
    'a volume that cannot be one',
    { disk: { path: '/f/x', freeBytes: 50 * GIB, message: '/f is no directory' } },
    { disk: 'fail' },
  ],
  ['a user that is not root', { isRoot: false }, { user: 'warn' }],
  [
    'an old kernel',
    { kernel: { release: '3', cgroup2: false, vxlan: 'missing', nftables: 'missing', wireguard: 'loaded' } },
    { kernel: 'warn', VXLAN: 'warn', nftables: 'warn', WireGuard: 'ok' },
  ],
])('%s is told', (_, change, expected) => {
  expect(states(change)).toMatchObject(expected)
  const told = judgeMachine({ ...FIT, ...change }).filter(({ state }) => state !== 'ok')
  for (const { todo } of told) expect(todo).not.toBe('')
})

test('ranges of addresses overlap when they share one', () => {
  const shares = (a: string, b: string): boolean | null => {
    const [one, other] = [parseRange(a), parseRange(b)]
    return one === null || other === null ? null : overlap(one, other)
  }
  expect(shares('10.32.0.0/12', '10.47.255.255/32')).toBe(true)
  expect(shares('10.32.0.0/12', '10.48.0.0/12')).toBe(false)
  expect(shares('0.0.0.0/0', '255.255.255.255/32')).toBe(true)
  expect(shares('10.0.0.0', '10.0.0.0/8')).toBeNull()
  expect(shares('10.0.0.256/8', '10.0.0.0/33')).toBeNull()
})
