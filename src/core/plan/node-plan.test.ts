import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import { deepFreeze } from '../../../test/deep-freeze.ts'
import { specHash } from '../manifest/diff.ts'
import type { DismissedMachine, Node } from '../model/node.ts'
import { isEmptyPlan, type NodeChange, type NodeSet, type Plan } from '../model/plan.ts'
import type { ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { computeNodePlan } from './node-plan.ts'

interface Situation {
  readonly change: NodeChange
  readonly services?: readonly ServiceSpec[]
  readonly tasks?: readonly Task[]
  readonly nodes?: readonly Node[]
  readonly dismissed?: readonly DismissedMachine[]
  readonly servers?: readonly string[]
  /** Left out: every node that is not unreachable. */
  readonly connected?: readonly number[]
}

const two = [aNode(), aNode({ id: 2 })]
const away = [aNode(), aNode({ id: 2, status: 'unreachable' })]

function plan({
  change,
  services,
  tasks = [],
  nodes = two,
  dismissed = [],
  servers = ['a', 'b'],
  connected,
}: Situation): Plan {
  const there = nodes.filter(({ status }) => status !== 'unreachable').map(({ id }) => id)
  return computeNodePlan(
    deepFreeze({
      clusterId: 'c1',
      desiredRevision: 3,
      change,
      services: services ?? [...new Map(tasks.map(({ spec }) => [spec.name, spec])).values()],
      tasks,
      nodes,
      dismissed,
      servers: new Set(servers),
      connected: new Set(connected ?? there),
      presentImages: new Map(),
    }),
  )
}

const set = (what: NodeSet, force = false, node = 2): NodeChange => ({ kind: 'node', node, set: what, force })
const drain = (force = false): NodeChange => set({ availability: 'drain' }, force)
const remove = (force = false): NodeChange => ({ kind: 'remove-node', node: 2, force })
const fence = (confirmDead = true): NodeChange => ({ kind: 'fence-node', node: 2, confirmDead })
const replace = (other: number | null = null): NodeChange => ({ kind: 'replace-node', node: 2, with: other })

/** A running task as its spec asks for, on node 2. */
function running(spec: ServiceSpec, change: Parameters<typeof aTask>[0] = {}): Task {
  return aTask({ spec, specHash: specHash(spec), node: 2, ...change })
}

const said = { placement: 'core', publicAddress: '10.0.0.3', region: 'us', zone: 'b' }
const setFacts = {
  ...{ placement: 'edge', publicAddress: '192.0.2.7', region: 'eu', zone: null },
  settings: { placement: 'edge', publicAddress: '192.0.2.7', region: 'eu', zone: null, labels: {} },
}

/** A plan as a user reads it. */
function lines({ nodes, actions, blockers, notes }: Plan): string[] {
  return [
    ...nodes.map(({ node, kind, fields, consequence }) =>
      [`${kind} node ${node}`, ...fields.map(({ field, from, to }) => `${field} ${from} → ${to}`), consequence]
        .filter(Boolean)
        .join(' | '),
    ),
    ...actions.map(({ kind, service, tasks, because, consequence }) =>
      [
        `${kind} ${service} [${tasks.map(({ slot, task }) => task ?? `slot ${slot}`).join(', ')}] ${because}`,
        consequence,
      ]
        .filter(Boolean)
        .join(' | '),
    ),
    ...blockers.map(({ message }) => `! ${message}`),
    ...notes.map(({ message }) => `# ${message}`),
  ]
}

const web = aService({ replicas: 2, update: { order: 'start-first', parallelism: 1 } })
const alone = aService({ name: 'db', exclusive: true })
const logs = aService({ name: 'logs', mode: 'global' })
const large = aService({ resources: { cpuMillis: 3_000, memoryBytes: 0, diskBytes: 0 } })
const edge = aService({ placements: ['edge'], update: { order: 'start-first', parallelism: 1 } })
const mount = { kind: 'volume', source: 'pg', target: '/data', readOnly: false } as const
const gone: DismissedMachine = {
  ...{ machineId: 'machine-2', because: 'removed', by: 'ann', at: 5 },
  node: aNode({ id: 2, status: 'removed', placement: 'edge' }),
}

test.each<{ name: string; situation: Situation; lines: string[] }>([
  {
    name: 'a drain moves what is there, as an update would',
    situation: { change: drain(), tasks: [running(web, { node: 1 }), running(web, { slot: 2 })] },
    lines: [
      'change node 2 | availability active → drain | it takes no new tasks and is emptied; 1 task goes elsewhere',
      'replace web [web.2.1] node 2 is drained | 2 → 3 running while each task is replaced',
    ],
  },
  {
    name: 'a drain stops the tasks of global services',
    situation: { change: drain(), tasks: [running(logs, { slot: 1, node: 1 }), running(logs, { slot: 2 })] },
    lines: [
      'change node 2 | availability active → drain | it takes no new tasks and is emptied; 1 task is stopped',
      'update logs [logs.2.1] node 2 is drained | 2 → 1 running',
    ],
  },
  {
    name: 'a drain is held up by what must not run twice, by data, and by jobs',
    situation: {
      change: drain(),
      tasks: [
        running(alone),
        running(aService({ name: 'pg', container: { mounts: [mount] } })),
        running(aService({ name: 'sum', mode: 'job' })),
      ],
    },
    lines: [
      'change node 2 | availability active → drain | it takes no new tasks and is emptied; 3 tasks go elsewhere',
      'replace db [db.1.1] node 2 is drained | 1 → 0 running for about 1 s',
      'replace pg [pg.1.1] node 2 is drained | 1 → 0 running for about 1 s',
      'replace sum [sum.1.1] node 2 is drained | 1 → 0 running for about 1 s',
      '! db.1.1 is exclusive: it stops before another may start elsewhere; --force goes ahead',
      '! pg.1.1 keeps data in volume pg of node 2, which does not move with it; --force goes ahead',
      '! sum.1.1 is a job: it begins anew elsewhere; --force goes ahead',
    ],
  },
  {
    name: 'what a drain costs is a note once it is accepted',
    situation: { change: drain(true), tasks: [running(alone)] },
    lines: [
      'change node 2 | availability active → drain | it takes no new tasks and is emptied; 1 task goes elsewhere',
      'replace db [db.1.1] node 2 is drained | 1 → 0 running for about 1 s',
      '# db.1.1 is exclusive: it stops before another may start elsewhere',
    ],
  },
  {
    name: 'a drain is held up where there is no room elsewhere, with the word of the scheduler',
    situation: {
      change: drain(),
      tasks: [running(large, { node: 1 }), running(large, { slot: 2 })],
      services: [{ ...large, replicas: 2 }],
    },
    lines: [
      'change node 2 | availability active → drain | it takes no new tasks and is emptied; 1 task goes elsewhere',
      'replace web [web.2.1] node 2 is drained | 2 → 1 running while each task is replaced (about 1 s each)',
      '! 1 of 1 new task would wait for a node: draining (1 node), not enough CPU (1 node); --force goes ahead',
    ],
  },
  {
    name: 'the only node has nowhere to send its tasks',
    situation: {
      change: set({ availability: 'drain' }, false, 1),
      nodes: [aNode()],
      tasks: [running(web, { node: 1 })],
    },
    lines: [
      'change node 1 | availability active → drain | it takes no new tasks and is emptied; 1 task goes elsewhere',
      'replace web [web.1.1] node 1 is drained | 1 → 2 running while its task is replaced',
      '! 1 of 1 new task would wait for a node: draining (1 node); --force goes ahead',
    ],
  },
  {
    name: 'a drained node that is away tells that what runs there cannot be stopped',
    situation: { change: drain(), nodes: away, tasks: [running(web)] },
    lines: [
      'change node 2 | availability active → drain | it takes no new tasks and is emptied; 1 task goes elsewhere',
      'replace web [web.1.1] node 2 is drained | 1 → 2 running while its task is replaced',
      '# node 2 is unreachable: what is to stop there stops when its agent is back',
    ],
  },
  {
    name: 'the only server stays',
    situation: {
      change: remove(),
      nodes: [aNode(), aNode({ id: 2, name: 'b', availability: 'drain' })],
      servers: ['b'],
    },
    lines: [
      'remove node 2 | id 2 becomes free, and its machine is refused when it comes back',
      '! node 2 is the only server; `gantry uninstall` there ends the cluster',
    ],
  },
  {
    name: 'a pause leaves what runs',
    situation: { change: set({ availability: 'pause' }), tasks: [running(web)] },
    lines: ['change node 2 | availability active → pause | it takes no new tasks and keeps those it has'],
  },
  {
    name: 'an active node takes the tasks of global services again',
    situation: {
      change: set({ availability: 'active' }),
      nodes: [aNode(), aNode({ id: 2, availability: 'drain' })],
      tasks: [running(logs, { slot: 1, node: 1 })],
    },
    lines: [
      'change node 2 | availability drain → active | it takes new tasks',
      'update logs [slot 2] node 2 takes its tasks | 1 → 2 running',
    ],
  },
  {
    name: 'what is so already is no change',
    situation: {
      change: set({ availability: 'active', labels: { disk: null }, placement: 'default' }),
      tasks: [running(web)],
    },
    lines: [],
  },
  {
    name: 'labels and facts are set one by one',
    situation: {
      change: set({ labels: { disk: 'ssd', rack: null }, region: 'eu', publicAddress: '192.0.2.7' }),
      nodes: [aNode({ id: 2, labels: { rack: 'a' } })],
    },
    lines: [
      'change node 2 | public address  → 192.0.2.7 | region  → eu | label disk  → ssd | label rack a →  | tasks learn the address when they are made anew',
    ],
  },
  {
    name: 'what was set is taken back to what the agent says',
    situation: {
      change: set({ placement: null, publicAddress: null, region: null, zone: null }),
      nodes: [aNode({ id: 2, ...setFacts, said: { ...said, zone: null } })],
    },
    lines: [
      'change node 2 | placement edge → core (as its agent says) | public address 192.0.2.7 → 10.0.0.3 (as its agent says) | region eu → us (as its agent says) | zone  → none (as its agent says) | tasks learn the address when they are made anew',
    ],
  },
  {
    name: 'what was set to what the agent says can be taken back too',
    situation: {
      change: set({ region: null }),
      nodes: [aNode({ id: 2, ...setFacts, said: { ...said, region: 'eu' } })],
    },
    lines: ['change node 2 | region eu → eu (as its agent says)'],
  },
  {
    name: 'what an agent has not said yet is taken over when it connects',
    situation: { change: set({ publicAddress: null, zone: null }), nodes: [aNode({ id: 2, ...setFacts })] },
    lines: [
      'change node 2 | public address 192.0.2.7 → what its agent says when it connects next | zone  → what its agent says when it connects next',
    ],
  },
  {
    name: 'what nobody set is as the agent says already',
    situation: { change: set({ placement: null, publicAddress: null, region: null, zone: null }) },
    lines: [],
  },
  {
    name: 'an empty region is none, whatever the agent says',
    situation: { change: set({ region: '' }), nodes: [aNode({ id: 2, ...said, said })] },
    lines: ['change node 2 | region us → '],
  },
  {
    name: 'a label without a value is told from no label',
    situation: {
      change: set({ labels: { disk: '' } }),
      nodes: [aNode({ id: 2 })],
    },
    lines: ['change node 2 | label disk  → ""'],
  },
  {
    name: 'another placement moves what may not be there any more, and brings what now may',
    situation: {
      change: set({ placement: 'core' }),
      nodes: [aNode({ placement: 'edge' }), aNode({ id: 2, placement: 'edge' })],
      tasks: [running(edge, { placement: 'edge' })],
      services: [edge, aService({ name: 'logs', mode: 'global', placements: ['core'] })],
    },
    lines: [
      'change node 2 | placement edge → core | 1 task goes elsewhere',
      'update logs [slot 2] node 2 takes its tasks',
      'replace web [web.1.1] node 2 has placement core | 1 → 2 running while its task is replaced',
    ],
  },
  {
    name: 'a node in use is not removed',
    situation: { change: remove(true), tasks: [running(web)] },
    lines: [
      'remove node 2 | id 2 becomes free, and its machine is refused when it comes back; given up and replaced: web.1.1',
      'replace web [web.1.1] node 2 leaves the cluster',
      '! node 2 is in use; `gantry node drain 2` first, so that nothing is lost',
    ],
  },
  {
    name: 'a node that is not empty yet is not removed',
    situation: {
      change: remove(),
      nodes: [aNode(), aNode({ id: 2, availability: 'drain', status: 'draining' })],
      tasks: [running(web)],
    },
    lines: [
      'remove node 2 | id 2 becomes free, and its machine is refused when it comes back; given up and replaced: web.1.1',
      'replace web [web.1.1] node 2 leaves the cluster',
      '! node 2 is not empty yet: web.1.1; `gantry node drain 2` waits for them',
    ],
  },
  {
    name: 'a drained node is removed',
    situation: { change: remove(), nodes: [aNode(), aNode({ id: 2, availability: 'drain' })] },
    lines: ['remove node 2 | id 2 becomes free, and its machine is refused when it comes back'],
  },
  {
    name: 'an unreachable node with tasks is removed only by force',
    situation: { change: remove(), nodes: away, tasks: [running(web)] },
    lines: [
      'remove node 2 | id 2 becomes free, and its machine is refused when it comes back; given up and replaced: web.1.1',
      'replace web [web.1.1] node 2 leaves the cluster',
      '! node 2 is unreachable, and web.1.1 would be given up as lost; --force goes ahead',
    ],
  },
  {
    name: 'no force removes a node whose tasks must never run twice',
    situation: { change: remove(true), nodes: away, tasks: [running(alone)] },
    lines: [
      'remove node 2 | id 2 becomes free, and its machine is refused when it comes back; given up and replaced: db.1.1',
      'replace db [db.1.1] node 2 leaves the cluster',
      '! db.1.1 may still run there, and nowhere else meanwhile; once the machine is off, `gantry node fence 2 --confirm-dead` says so',
    ],
  },
  {
    name: 'a fence releases what is held',
    situation: { change: fence(), nodes: away, tasks: [running(alone)] },
    lines: ['fence node 2 | given up and replaced: db.1.1', 'replace db [db.1.1] node 2 is given up'],
  },
  {
    name: 'a fence needs the word of a person',
    situation: { change: fence(false), nodes: away, tasks: [running(alone)] },
    lines: [
      'fence node 2 | given up and replaced: db.1.1',
      'replace db [db.1.1] node 2 is given up',
      '! only a person can know that the machine of node 2 is off: --confirm-dead',
    ],
  },
  {
    name: 'a node whose agent is connected is not fenced, whatever its record says',
    situation: { change: fence(), nodes: away, connected: [1, 2] },
    lines: ['! node 2 is connected, so its machine is not off'],
  },
  {
    name: 'a node that is away is replaced by the next machine',
    situation: { change: replace(), nodes: away, tasks: [running(web)] },
    lines: [
      'replace node 2 | machine node-2 →  | the next machine that joins becomes node 2, with its placement, labels and addresses; the old one is refused; given up and replaced: web.1.1',
      'replace web [web.1.1] node 2 is given up',
    ],
  },
  {
    name: 'a node that is there is not replaced',
    situation: { change: replace() },
    lines: [
      'replace node 2 | machine node-2 →  | the next machine that joins becomes node 2, with its placement, labels and addresses; the old one is refused',
      '! node 2 is ready; only one that is unreachable or removed is replaced',
    ],
  },
  {
    name: 'a node is replaced by one that has just joined',
    situation: { change: replace(5), nodes: [...away, aNode({ id: 5 })] },
    lines: [
      'replace node 2 | machine node-2 → node-5 | the machine of node 5 becomes node 2, with its placement, labels and addresses; the old one is refused',
    ],
  },
  {
    name: 'a node with tasks of its own takes no other place',
    situation: { change: replace(1), nodes: away, tasks: [running(web, { node: 1 })] },
    lines: [
      'replace node 2 | machine node-2 → node-1 | the machine of node 1 becomes node 2, with its placement, labels and addresses; the old one is refused',
      '! node 1 has tasks of its own, such as web.1.1; `gantry node drain 1` empties it',
    ],
  },
  {
    name: 'a node that was removed is replaced too',
    situation: { change: replace(), nodes: [aNode()], dismissed: [gone] },
    lines: [
      'replace node 2 | the next machine that joins becomes node 2, with its placement, labels and addresses; the old one is refused',
    ],
  },
  {
    name: 'a place that is free already stays so',
    situation: {
      change: replace(),
      nodes: [aNode(), aNode({ id: 2, status: 'unreachable', machineId: null, reserved: true })],
    },
    lines: [],
  },
])('$name', ({ situation, lines: expected }) => {
  expect(lines(plan(situation))).toEqual(expected)
})

test.each([drain(), remove(), fence(), replace()])('a node that nobody knows cannot be changed: $kind', (change) => {
  expect(() => plan({ change, nodes: [aNode()] })).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
})

test('a node cannot take its own place', () => {
  expect(() => plan({ change: replace(2), nodes: away })).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

test('the id of a plan of a node changes with the tasks that it moves', () => {
  const [before, after] = [running(web), running(web, { attempt: 2 })].map((task) =>
    plan({ change: drain(), tasks: [task] }),
  )
  expect(before?.id).not.toBe(after?.id)
  expect(before?.facts).toMatchObject({ 'service/web': expect.stringContaining('web.1.1') })
})

const anyNodes = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 1, max: 4 }),
    status: fc.constantFrom('ready' as const, 'draining' as const, 'unreachable' as const),
    availability: fc.constantFrom('active' as const, 'pause' as const, 'drain' as const),
    placement: fc.constantFrom('default', 'edge'),
  }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 4 },
)
const anyServices = fc
  .record({
    mode: fc.constantFrom('replicated' as const, 'global' as const),
    replicas: fc.integer({ min: 1, max: 4 }),
    placements: fc.constantFrom([], ['edge']),
    exclusive: fc.boolean(),
  })
  .map((drawn) => aService({ ...drawn, replicas: drawn.mode === 'global' ? 0 : drawn.replicas }))
const anyTasks = fc.uniqueArray(
  fc.record({ slot: fc.integer({ min: 1, max: 4 }), node: fc.integer({ min: 1, max: 4 }) }),
  {
    selector: ({ slot }) => slot,
  },
)
const anySet: fc.Arbitrary<NodeSet & { readonly placement?: string }> = fc.constantFrom(
  { availability: 'active' },
  { availability: 'pause' },
  { availability: 'drain' },
  { placement: 'edge' },
  { placement: 'default' },
  { labels: { disk: 'ssd' } },
)

test('what was set is no change when it is asked for again', () => {
  fc.assert(
    fc.property(anyNodes, anyServices, anyTasks, anySet, (drawn, spec, placed, wanted) => {
      const nodes = drawn.map((node) => aNode(node))
      const tasks = placed.map((task) => running(spec, spec.mode === 'global' ? { ...task, node: task.slot } : task))
      const change = set(wanted, true, drawn[0]?.id)
      const [once] = nodes.filter(({ id }) => id === change.node)
      const { labels = {}, ...rest } = wanted
      const merged = Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== null)) as Node['labels']
      const after = nodes.map((node) =>
        node === once ? { ...node, ...rest, labels: { ...node.labels, ...merged } } : node,
      )
      expect(isEmptyPlan(plan({ change, nodes: after, tasks, services: [spec] }))).toBe(true)
    }),
  )
})

test('a plan of a node names only tasks that are there, and none that may stay', () => {
  fc.assert(
    fc.property(anyNodes, anyServices, anyTasks, anySet, (drawn, spec, placed, wanted) => {
      const nodes = drawn.map((node) => aNode(node))
      const tasks = placed.map((task) => running(spec, spec.mode === 'global' ? { ...task, node: task.slot } : task))
      const subject = drawn[0]?.id ?? 1
      const { actions } = plan({ change: set(wanted, true, subject), nodes, tasks, services: [spec] })
      for (const { task: id } of actions.flatMap((action) => action.tasks)) {
        if (id === null) continue
        expect(tasks.find((task) => task.id === id)?.node).toBe(subject)
        expect(wanted.availability === 'drain' || wanted.placement !== undefined).toBe(true)
      }
    }),
  )
})
