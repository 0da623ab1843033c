import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { systemClock } from '../src/drivers/clock.ts'
import { EtcdConnection } from '../src/store/etcd/connection.ts'
import { EtcdFailure } from '../src/store/etcd/failure.ts'
import { RANGE, TXN } from '../src/store/etcd/methods.ts'
import { freePort } from '../test/free-port.ts'
import { TestEtcd } from '../test/stores/etcd.ts'
import type { BenchResult, Measured } from './frame.ts'
import { show, spread } from './frame.ts'

const ROUNDS = 7
const GOAL = 1.5
/** How long one try of the bare client may take, and between two looks at what was decided. */
const TRY_MS = 100
const LOOK_MS = 10
const clock = systemClock()

/**
 * The server that leads and the member of etcd that leads are killed together. Ours: until the next leader's first decision
 * is committed, seen by an independent client. Peer: until that etcd takes a write again, tried by another such client.
 */
export async function run(): Promise<BenchResult> {
  const rounds: BenchResult['rounds'][number][] = []
  // The first is not counted.
  for (let n = 0; n <= ROUNDS; n++) {
    const { ours, peer } = await round()
    if (n > 0) rounds.push({ ours, peer, ratio: ours.value / peer.value })
  }
  const ratio = spread(rounds.map((one) => one.ratio))
  const [ours, peer] = [spread(rounds.map((one) => one.ours.value)), spread(rounds.map((one) => one.peer.value))]
  const epoch = spread(rounds.map((one) => one.ours.also?.['next epoch, s'] ?? Number.NaN))
  return {
    name: 'takeover',
    unit: 's',
    rounds,
    ours,
    peer,
    ratio,
    also: { 'next epoch, s': epoch },
    goal: `at most ${GOAL} times as long`,
    met: ratio.median <= GOAL,
    text: `${show(ours)} against ${show(peer)} s: ratio ${show(ratio)}, next epoch ${show(epoch)}`,
  }
}

async function round(): Promise<{ readonly ours: Measured; readonly peer: Measured }> {
  const members = await TestEtcd.startThree()
  const servers: Process[] = []
  const connections: EtcdConnection[] = []
  try {
    const endpoints = members.map(({ address }) => address)
    const first = await startServer('one', endpoints)
    servers.push(first)
    await first.leads
    const second = await startServer('two', endpoints)
    servers.push(second)
    // So long that the second has seen the first at its port.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const leader = await leadingMember(members)
    const survivors = members.filter((member) => member !== leader)
    for (const member of survivors) {
      connections.push(
        new EtcdConnection({ endpoints: [member.address], clock, requestTimeoutMs: TRY_MS, user: null, tls: null }),
      )
    }
    const [reader, writer] = connections
    if (reader === undefined || writer === undefined) throw new Error('two members are left')
    const before = await decided(reader)
    const began = performance.now()
    const seconds = (): number => (performance.now() - began) / 1_000
    first.child.kill('SIGKILL')
    void leader.signal('SIGKILL')
    const [bare, epoch, decision] = await Promise.all([
      untilTrue(() => write(writer), 0).then(seconds),
      untilTrue(async () => (await decided(reader)).epoch > before.epoch, LOOK_MS).then(seconds),
      untilTrue(async () => (await decided(reader)).tasks > before.tasks, LOOK_MS).then(seconds),
    ])
    return { ours: { value: decision, also: { 'next epoch, s': epoch } }, peer: { value: bare } }
  } finally {
    for (const connection of connections) connection.close()
    for (const { child } of servers) child.kill('SIGKILL')
    for (const member of members) await member.stop()
  }
}

interface Process {
  readonly child: ChildProcess
  readonly leads: Promise<unknown>
}

async function startServer(name: string, endpoints: readonly string[]): Promise<Process> {
  const args = ['bench/takeover-server.ts', name, String(await freePort()), endpoints.join(',')]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  return { child, leads: once(createInterface({ input: child.stdout }), 'line') }
}

async function leadingMember(members: readonly TestEtcd[]): Promise<TestEtcd> {
  for (const member of members) {
    const { leader, header } = (await member.call('maintenance/status', {})) as {
      leader: string
      header: { member_id: string }
    }
    if (leader === header.member_id) return member
  }
  throw new Error('etcd has no leader')
}

/** How far the state is: the epoch, and etcd's revision that wrote a task last. */
async function decided(connection: EtcdConnection): Promise<{ readonly epoch: number; readonly tasks: number }> {
  const range = { key: 'takeover/', rangeEnd: 'takeover0' }
  const { kvs } = await connection.attempt(RANGE, range, connection.deadline())
  const leadership = kvs.find(({ key }) => key.endsWith('leadership/self'))
  const epoch = /"epoch":(\d+)/.exec(String(leadership?.value ?? ''))
  const tasks = kvs.filter(({ key }) => key.includes('/task/')).map(({ modRevision }) => modRevision)
  return { epoch: Number(epoch?.[1] ?? 0), tasks: Math.max(0, ...tasks) }
}

async function write(connection: EtcdConnection): Promise<boolean> {
  const put = { kind: 'put', key: 'bare', value: 'x' } as const
  await connection.attempt(TXN, { compare: [], success: [put], failure: [] }, connection.deadline())
  return true
}

async function untilTrue(look: () => Promise<boolean>, pauseMs: number): Promise<void> {
  for (;;) {
    const found = await look().catch((error: unknown) => {
      if (error instanceof EtcdFailure) return false
      throw error
    })
    if (found) return
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
