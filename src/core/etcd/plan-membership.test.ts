import fc from 'fast-check'
import { expect, test } from 'vitest'
import { majority, type SeenMember, votersOf } from './members.ts'
import { type MembershipStep, type MembershipView, planMembership } from './plan-membership.ts'

function aMember(name: string, part: Partial<SeenMember> = {}): SeenMember {
  return {
    id: name,
    name,
    peerUrl: `https://${name}:2380`,
    clientUrl: `https://${name}:2379`,
    isLearner: false,
    alive: true,
    leads: false,
    version: '3.5.28',
    alarms: [],
    ...part,
  }
}

const NEW = { peerUrl: 'https://s:2380', mayFound: false, hasData: false, isRunning: false, hasEnded: false }
const RUNS = { ...NEW, hasData: true, isRunning: true }
const FIRST = { ...NEW, mayFound: true }
const A = aMember('a')
const B = aMember('b')
const DEAD_B = aMember('b', { alive: false })
const unnamed = aMember('s', { name: '' })
const learning = aMember('s', { isLearner: true })

const rows: readonly [what: string, view: MembershipView, step: Partial<MembershipStep>][] = [
  ['the first one founds when nobody is there', { ...FIRST, members: null }, { kind: 'found' }],
  ['the first one joins those that are there', { ...FIRST, members: [A] }, { kind: 'add' }],
  ['no other one founds', { ...NEW, members: null }, { kind: 'wait', because: 'no member of the store answers' }],
  ['who has founded does not do it again', { ...FIRST, isRunning: true, members: null }, { kind: 'wait' }],
  ['data comes first', { ...NEW, hasData: true, members: null }, { kind: 'start', members: [] }],
  ['data comes first, even for the first one', { ...FIRST, hasData: true, members: null }, { kind: 'start' }],
  ['the second joins when the first is ready', { ...NEW, members: [A] }, { kind: 'add' }],
  ['the third waits for two', { ...NEW, members: [A, DEAD_B] }, { kind: 'wait' }],
  ['the third joins when two are alive', { ...NEW, members: [A, B] }, { kind: 'add' }],
  [
    'one at a time',
    { ...NEW, members: [A, aMember('l', { isLearner: true, name: '' })] },
    { kind: 'wait', because: 'l is joining' },
  ],
  ['who was added and never started starts', { ...NEW, members: [A, unnamed] }, { kind: 'start' }],
  ['who was started is not started again', { ...NEW, isRunning: true, members: [A, unnamed] }, { kind: 'wait' }],
  ['who has lost its data does not come back as who it was', { ...NEW, members: [A, aMember('s')] }, { kind: 'wait' }],
  ['a learner asks for its vote', { ...RUNS, members: [A, learning] }, { kind: 'promote', id: 's' }],
  ['a learner without enough voters waits', { ...RUNS, members: [A, DEAD_B, learning] }, { kind: 'wait' }],
  ['a voter is ready', { ...RUNS, members: [A, aMember('s')] }, { kind: 'ready' }],
  [
    'a voter without a majority says so',
    { ...RUNS, members: [A, DEAD_B, aMember('s', { alive: false })] },
    {
      kind: 'wait',
      because: 'the store has lost its quorum: 1 of 3 members answers',
    },
  ],
  ['an old listing without it proves nothing', { ...RUNS, members: [A] }, { kind: 'wait' }],
  [
    'who ended and is not listed was sent away',
    { ...RUNS, isRunning: false, hasEnded: true, members: [A] },
    { kind: 'removed' },
  ],
]

test.each(rows)('%s', (_, view, step) => {
  expect(planMembership(view)).toMatchObject(step)
})

/** A server of the model: its disk and its process. */
interface ModelServer {
  readonly url: string
  readonly isFirst: boolean
  hasIdentity: boolean
  hasData: boolean
  isUp: boolean
  etcdRuns: boolean
}

/** The servers and their etcd, as far as joining goes. Every effect of a step happens, or its server dies before it. */
class Model {
  readonly servers: ModelServer[]
  members: { url: string; name: string; isLearner: boolean }[] = []
  founded = 0

  constructor(count: number) {
    this.servers = Array.from({ length: count }, (_, index) => ({
      url: `https://s${index}:2380`,
      isFirst: index === 0,
      hasIdentity: false,
      hasData: false,
      isUp: false,
      etcdRuns: false,
    }))
  }

  at(index: number): ModelServer {
    const server = this.servers[index % this.servers.length]
    if (server === undefined) throw new Error('no server')
    return server
  }

  seen(): SeenMember[] {
    return this.members.map(({ url, name, isLearner }) => {
      const alive = this.servers.some((server) => server.url === url && server.etcdRuns && server.hasData)
      return { ...aMember(url), peerUrl: url, name, isLearner, alive }
    })
  }

  quorum(): boolean {
    const voters = votersOf(this.seen())
    return voters.length > 0 && voters.filter(({ alive }) => alive).length >= majority(voters.length)
  }

  step(server: ModelServer, diesBefore: boolean): MembershipStep['kind'] | 'off' {
    if (!server.isUp) return 'off'
    const seen = this.seen()
    const answers = seen.some(({ alive }) => alive)
    const view = {
      peerUrl: server.url,
      mayFound: server.isFirst && !server.hasIdentity,
      hasData: server.hasData,
      isRunning: server.etcdRuns,
      hasEnded: false,
      members: answers ? seen : null,
    }
    const step = planMembership(view)
    if (diesBefore) server.isUp = false
    else this.#take(server, step)
    return step.kind
  }

  #take(server: ModelServer, step: MembershipStep): void {
    const own = this.members.find(({ url }) => url === server.url)
    if (step.kind === 'found') {
      this.founded++
      this.members = [{ url: server.url, name: server.url, isLearner: false }]
      Object.assign(server, { hasData: true, etcdRuns: true })
    } else if (step.kind === 'start') {
      Object.assign(server, { hasData: true, etcdRuns: true })
      if (own !== undefined) own.name = server.url
    } else if (step.kind === 'add' && this.quorum()) {
      expect(own).toBeUndefined()
      this.members.push({ url: server.url, name: '', isLearner: true })
    } else if (step.kind === 'promote' && own !== undefined && this.quorum()) {
      own.isLearner = false
      // What giving a vote must never do.
      expect(this.quorum()).toBe(true)
    } else if (step.kind === 'ready') server.hasIdentity = true
  }
}

test('in any order of starts, and with kills at any step, there is one cluster, and no vote loses the majority', () => {
  const moves = fc.array(
    fc.record({
      server: fc.nat(6),
      what: fc.constantFrom('up', 'step', 'step', 'step', 'die', 'die with etcd', 'cut off'),
    }),
    { maxLength: 120 },
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), moves, (count, all) => {
      const model = new Model(count)
      for (const { server: index, what } of all) {
        const server = model.at(index)
        if (what === 'up') server.isUp = true
        else if (what === 'die') server.isUp = false
        else if (what === 'die with etcd') Object.assign(server, { isUp: false, etcdRuns: false })
        else model.step(server, what === 'cut off')
      }
      expect(model.founded).toBeLessThanOrEqual(1)
      // Then nothing fails any more: everybody gets there, from wherever it was.
      for (const server of model.servers) server.isUp = true
      for (let round = 0; round < 60; round++) for (const server of model.servers) model.step(server, false)
      expect(model.servers.map((server) => model.step(server, false))).toEqual(model.servers.map(() => 'ready'))
      expect(model.members.filter(({ isLearner }) => !isLearner).map(({ url }) => url)).toHaveLength(count)
      expect(model.founded).toBe(1)
    }),
    { numRuns: 300 },
  )
})
