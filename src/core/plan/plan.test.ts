import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aNode, aService, aTask } from '../../../test/builders.ts'
import { deepFreeze } from '../../../test/deep-freeze.ts'
import { specHash } from '../manifest/diff.ts'
import { refusedFeatures, unsupportedFields } from '../manifest/support.ts'
import type { Node } from '../model/node.ts'
import { isEmptyPlan, type ManifestChange, type Plan } from '../model/plan.ts'
import type { ServiceSpec } from '../model/service.ts'
import type { Task } from '../model/task.ts'
import { computePlan, type PlanInput } from './plan.ts'
import { type Specs, targetOf } from './target.ts'

const MB = 1_048_576

function specs(...services: readonly ServiceSpec[]): Specs {
  return Object.fromEntries(services.map((spec) => [spec.name, spec]))
}

/** A running task as its spec asks for. */
function running(spec: ServiceSpec, change: Parameters<typeof aTask>[0] = {}): Task {
  return aTask({ spec, specHash: specHash(spec), ...change })
}

function runningAll(spec: ServiceSpec, change: Parameters<typeof aTask>[0] = {}): Task[] {
  return Array.from({ length: spec.replicas }, (_, i) => running(spec, { slot: i + 1, node: i + 1, ...change }))
}

const ended = (spec: ServiceSpec, state: 'failed' | 'completed', message = ''): Task =>
  running(spec, { status: { state, ready: false, finishedAt: 1, message } })

interface Situation {
  readonly before?: Specs
  readonly after?: Specs
  readonly tasks?: readonly Task[]
  readonly nodes?: readonly Node[]
  readonly change?: ManifestChange
  readonly images?: PlanInput['presentImages']
}

const threeNodes = [aNode({ id: 1 }), aNode({ id: 2 }), aNode({ id: 3 })]

function plan({ before = {}, after = before, tasks = [], nodes = threeNodes, change, images }: Situation): Plan {
  const manifest = { services: after, placements: [] }
  return computePlan(
    deepFreeze({
      clusterId: 'c1',
      desiredRevision: 3,
      current: before,
      tasks,
      nodes,
      change: change ?? { kind: 'apply', manifest, text: '' },
      target: after,
      presentImages: images ?? new Map(),
      notes: [],
      support: { unsupportedFields, refusedFeatures },
    }),
  )
}

/** A plan as a user reads it. */
function lines({ actions }: Plan): string[] {
  return actions.map(({ kind, service, subject, tasks, because, consequence }) => {
    const listed = tasks.map(({ slot, task, node }) => `${task ?? `slot ${slot}`}${node === null ? '' : ` on ${node}`}`)
    return [`${kind} ${service} (${subject}) [${listed.join(', ')}] ${because}`, consequence]
      .filter(Boolean)
      .join(' | ')
  })
}

const web = aService({ replicas: 3 })
const newer = aService({ replicas: 3, container: { image: 'example/web:2' } })
const startFirst = { update: { order: 'start-first' as const, parallelism: 1 } }
const tookFiveSeconds = { status: { startedAt: 1_000, readyAt: 5_400 } }

test.each<{ name: string; situation: Situation; lines: string[] }>([
  {
    name: 'a new service is added, its nodes still open',
    situation: { after: specs(web) },
    lines: ['add web (example/web:1) [slot 1, slot 2, slot 3] it is not in the cluster yet'],
  },
  {
    name: 'a new global service has a task on each node',
    situation: { after: specs(aService({ mode: 'global', replicas: 0 })) },
    lines: ['add web (example/web:1) [slot 1 on 1, slot 2 on 2, slot 3 on 3] it is not in the cluster yet'],
  },
  {
    name: 'a process is named by its program',
    situation: { after: specs(aService({ container: { image: null, command: ['serve', '-v'] } })) },
    lines: ['add web (serve) [slot 1] it is not in the cluster yet'],
  },
  {
    name: 'a process without a program has no name',
    situation: { after: specs(aService({ container: { image: null, entrypoint: [] } })) },
    lines: ['add web () [slot 1] it is not in the cluster yet'],
  },
  {
    name: 'another image replaces each task',
    situation: { before: specs(web), after: specs(newer), tasks: runningAll(web, tookFiveSeconds) },
    lines: [
      'replace web (example/web:2) [web.1.1 on 1, web.2.1 on 2, web.3.1 on 3] image cannot change in a running task' +
        ' | 3 → 2 running while each task is replaced (about 5 s each)',
    ],
  },
  {
    name: 'without a measurement no duration is claimed',
    situation: {
      before: specs(web),
      after: specs(newer),
      tasks: [
        running(web, { status: { restarts: 1 } }),
        running(web, { slot: 2, status: { startedAt: null } }),
        running(web, { slot: 3, status: { startedAt: 9, readyAt: 1 } }),
      ],
    },
    lines: [
      'replace web (example/web:2) [web.1.1 on 1, web.2.1 on 1, web.3.1 on 1] image cannot change in a running task' +
        ' | 3 → 2 running while each task is replaced',
    ],
  },
  {
    name: 'replacing start-first never has fewer running',
    situation: {
      before: specs({ ...web, ...startFirst }),
      after: specs({ ...newer, ...startFirst }),
      tasks: runningAll({ ...web, ...startFirst }),
    },
    lines: [
      'replace web (example/web:2) [web.1.1 on 1, web.2.1 on 2, web.3.1 on 3] image cannot change in a running task' +
        ' | 3 → 4 running while each task is replaced',
    ],
  },
  {
    name: 'several tasks may be replaced at a time',
    situation: {
      before: specs({ ...web, update: { order: 'stop-first', parallelism: 2 } }),
      after: specs({ ...newer, update: { order: 'stop-first', parallelism: 2 } }),
      tasks: runningAll(web, tookFiveSeconds),
    },
    lines: [
      'replace web (example/web:2) [web.1.1 on 1, web.2.1 on 2, web.3.1 on 3] image cannot change in a running task' +
        ' | 3 → 1 running while 2 tasks at a time are replaced (about 5 s each time)',
    ],
  },
  {
    name: 'a single task is missing while it is replaced',
    situation: { before: specs(aService()), after: specs({ ...newer, replicas: 1 }), tasks: [running(aService())] },
    lines: [
      'replace web (example/web:2) [web.1.1 on 1] image cannot change in a running task | 1 → 0 running for about 1 s',
    ],
  },
  {
    name: 'a single task is missing for a time that nobody knows yet',
    situation: {
      before: specs(aService()),
      after: specs({ ...newer, replicas: 1 }),
      tasks: [running(aService(), { status: { readyAt: null } })],
    },
    lines: [
      'replace web (example/web:2) [web.1.1 on 1] image cannot change in a running task | 1 → 0 running while its task is replaced',
    ],
  },
  {
    name: 'a single task is joined by its successor',
    situation: {
      before: specs(aService(startFirst)),
      after: specs({ ...newer, replicas: 1, ...startFirst }),
      tasks: [running(aService(startFirst))],
    },
    lines: [
      'replace web (example/web:2) [web.1.1 on 1] image cannot change in a running task | 1 → 2 running while its task is replaced',
    ],
  },
  {
    name: 'more replicas make tasks',
    situation: { before: specs(web), after: specs({ ...web, replicas: 4 }), tasks: runningAll(web) },
    lines: ['update web (example/web:1) [slot 4] replicas changed | 3 → 4 running'],
  },
  {
    name: 'fewer replicas stop the highest slots',
    situation: { before: specs(web), after: specs({ ...web, replicas: 1 }), tasks: runningAll(web) },
    lines: ['update web (example/web:1) [web.2.1 on 2, web.3.1 on 3] replicas changed | 3 → 1 running'],
  },
  {
    name: 'a change in place leaves the tasks alone',
    situation: { before: specs(web), after: specs({ ...web, restart: 'no' }), tasks: runningAll(web) },
    lines: ['update web (example/web:1) [] restart_policy changed'],
  },
  {
    name: 'a restart replaces each task',
    situation: {
      before: specs(web),
      after: specs({ ...web, restartCount: 1 }),
      tasks: runningAll(web, tookFiveSeconds),
      change: { kind: 'restart', service: 'web' },
    },
    lines: [
      'replace web (example/web:1) [web.1.1 on 1, web.2.1 on 2, web.3.1 on 3] a restart was asked for' +
        ' | 3 → 2 running while each task is replaced (about 5 s each)',
    ],
  },
  {
    name: 'a service that left the manifest is removed',
    situation: { before: specs(web), after: {}, tasks: runningAll(web) },
    lines: [
      'remove web (example/web:1) [web.1.1 on 1, web.2.1 on 2, web.3.1 on 3] it is no longer in the manifest' +
        ' | stops serving: 3 → 0 running',
    ],
  },
  {
    name: 'a service is removed with tasks that are just being replaced',
    situation: {
      before: specs(aService()),
      after: {},
      tasks: [running(aService(), { attempt: 2, status: { state: 'starting' } }), running(aService())],
    },
    lines: [
      'remove web (example/web:1) [web.1.1 on 1, web.1.2 on 1] it is no longer in the manifest | stops serving: 1 → 0 running',
    ],
  },
  {
    name: 'what is removed without running is no loss',
    situation: { before: specs(aService()), after: {}, change: { kind: 'destroy' } },
    lines: ['remove web (example/web:1) [] everything is to go'],
  },
  {
    name: 'a rollback removes what was not there then',
    situation: {
      before: specs(web, aService({ name: 'api' })),
      after: specs(aService({ name: 'api' })),
      change: { kind: 'rollback', to: 1 },
    },
    lines: [
      'update api (example/web:1) [slot 1] slot 1 has no task',
      'remove web (example/web:1) [] it was not in that revision',
    ],
  },
  {
    name: 'a rollout that is half done shows what is left of it',
    situation: {
      before: specs(newer),
      tasks: [
        running(web, { node: 1 }),
        running(newer, { slot: 2, attempt: 2, node: 2 }),
        running(web, { slot: 3, node: 3 }),
        running(web, { slot: 4, node: 3 }),
      ],
    },
    lines: [
      'replace web (example/web:2) [web.1.1 on 1, web.3.1 on 3, web.4.1 on 3] 2 tasks of another spec still there, 1 task more than wanted' +
        ' | 4 → 3 running, down to 2 while each task is replaced (about 1 s each)',
    ],
  },
  {
    name: 'a replacement with fewer replicas never has more running than there are',
    situation: {
      before: specs(aService({ replicas: 4, ...startFirst })),
      after: specs({ ...newer, ...startFirst }),
      tasks: [1, 2, 3, 4].map((slot) => running(aService({ replicas: 4, ...startFirst }), { slot })),
    },
    lines: [
      'replace web (example/web:2) [web.1.1 on 1, web.2.1 on 1, web.3.1 on 1, web.4.1 on 1]' +
        ' image cannot change in a running task | 4 → 3 running, up to 4 while each task is replaced',
    ],
  },
  {
    name: 'a task beside its replacement only has to go',
    situation: {
      before: specs(aService(startFirst)),
      tasks: [running({ ...newer, ...startFirst }), running(aService(startFirst), { attempt: 2, node: 2 })],
    },
    lines: [
      'replace web (example/web:1) [web.1.1 on 1] 1 task of another spec still there | 2 → 3 running while each task is replaced',
    ],
  },
  {
    name: 'a slot that its policy leaves alone is brought back',
    situation: {
      before: specs(aService({ restart: 'no' })),
      tasks: [ended(aService({ restart: 'no' }), 'failed', 'exit code 3')],
    },
    lines: ['update web (example/web:1) [slot 1] web.1.1 failed: exit code 3, and its restart policy is no'],
  },
  {
    name: 'so is one whose program came to its end, when its policy is no',
    situation: {
      before: specs(aService({ restart: 'no' })),
      tasks: [ended(aService({ restart: 'no' }), 'completed')],
    },
    lines: ['update web (example/web:1) [slot 1] web.1.1 completed, and its restart policy is no'],
  },
  {
    name: 'a change that names a service leaves the others as they are',
    situation: {
      before: specs(web, aService({ name: 'batch', restart: 'no' })),
      after: specs({ ...web, restartCount: 1 }, aService({ name: 'batch', restart: 'no' })),
      tasks: [...runningAll(web), ended(aService({ name: 'batch', restart: 'no' }), 'failed')],
      change: { kind: 'restart', service: 'web' },
    },
    lines: [
      'replace web (example/web:1) [web.1.1 on 1, web.2.1 on 2, web.3.1 on 3] a restart was asked for' +
        ' | 3 → 2 running while each task is replaced (about 1 s each)',
    ],
  },
  {
    name: 'a slot that comes back by itself needs no apply',
    situation: { before: specs(aService()), tasks: [ended(aService(), 'failed')] },
    lines: [],
  },
  {
    name: 'a slot whose task is stopping is not empty yet',
    situation: { before: specs(aService()), tasks: [running(aService(), { desired: 'stopped' })] },
    lines: [],
  },
  {
    name: 'a job that is done is not done again',
    situation: {
      before: specs(aService({ mode: 'job', restart: 'no' })),
      tasks: [ended(aService({ mode: 'job', restart: 'no' }), 'completed')],
    },
    lines: [],
  },
  {
    name: 'a job that changed runs once more',
    situation: {
      before: specs(aService({ mode: 'job' })),
      after: specs({ ...newer, mode: 'job', replicas: 1 }),
      tasks: [ended(aService({ mode: 'job' }), 'completed')],
    },
    lines: ['replace web (example/web:2) [slot 1] image cannot change in a running task'],
  },
  {
    name: 'a paused service is changed without a task',
    situation: { before: specs({ ...web, replicas: 0 }), after: specs({ ...newer, replicas: 0 }) },
    lines: ['update web (example/web:2) [] image changed'],
  },
  {
    name: 'dispatched tasks are no business of a plan',
    situation: { before: {}, tasks: [running(aService({ name: 'by-hand' }))] },
    lines: [],
  },
])('$name', ({ situation, lines: expected }) => {
  expect(lines(plan(situation))).toEqual(expected)
})

const docker = { kind: 'docker' as const, available: true, version: '', message: '', unsupported: {} }
const limited = { ...docker, unsupported: { 'limits.memoryBytes': 'there is no memory controller' } }
const withLimit = aService({ container: { limits: { ...web.container.limits, memoryBytes: 5 * MB } } })
const big = aService({ replicas: 2, resources: { cpuMillis: 0, memoryBytes: 6_000 * MB, diskBytes: 0 } })
const bigger = { ...big, ...startFirst, container: newer.container }

test.each<{ name: string; situation: Situation; notes: string[] }>([
  {
    name: 'a setting without effect is named',
    situation: { after: specs(withLimit), nodes: [aNode({ runtimes: [limited] })] },
    notes: ['web limits.memory: has no effect: there is no memory controller'],
  },
  {
    name: 'a setting without effect on some nodes is named with them',
    situation: {
      after: specs(withLimit),
      nodes: [
        aNode({ id: 3, runtimes: [limited] }),
        aNode({ id: 2, runtimes: [limited] }),
        aNode({ runtimes: [docker] }),
      ],
    },
    notes: ['web limits.memory: has no effect: there is no memory controller (on node 2, 3)'],
  },
  {
    name: 'a setting without which a task would have other rights is refused',
    situation: {
      after: specs(aService({ container: { image: null, command: ['run'], user: 'nobody' } })),
      nodes: [aNode({ runtimes: [{ ...docker, kind: 'process', unsupported: { user: 'only root may' } }] })],
    },
    notes: ['web user: is refused: only root may'],
  },
  {
    name: 'more CPUs than the node has are refused',
    situation: {
      after: specs(
        aService({ container: { limits: { ...web.container.limits, cpuMillis: 64_000, cpusetCpus: '0-63' } } }),
      ),
      nodes: [aNode({ runtimes: [docker], capacity: { cpuMillis: 2_000, memoryBytes: 1_000 * MB, diskBytes: 0 } })],
    },
    notes: [
      'web limits.cpus: is refused: the node has 2 CPUs',
      'web limits.cpuset_cpus: is refused: the node has 2 CPUs, from 0 on',
    ],
  },
  {
    name: 'scaling one service says nothing of another',
    situation: {
      before: specs(aService({ name: 'api' }), withLimit),
      nodes: [aNode({ runtimes: [limited] })],
      tasks: [running(aService({ name: 'api' })), running(withLimit)],
      change: { kind: 'scale', service: 'api', replicas: 1 },
    },
    notes: [],
  },
  {
    name: 'a placement without nodes is named once',
    situation: { after: specs(aService({ placements: ['db'] })) },
    notes: ['web placements: no node has placement db: nothing will run'],
  },
  {
    name: 'tasks that would wait are counted with the reason',
    situation: { after: specs({ ...big, replicas: 3 }), nodes: [aNode()] },
    notes: ['web: 2 of 3 new tasks would wait for a node: not enough memory (1 node)'],
  },
  {
    name: 'what goes with the plan makes room in it',
    situation: {
      before: specs(aService({ ...big, name: 'old', replicas: 1 })),
      after: specs({ ...big, replicas: 1 }),
      tasks: [running(aService({ ...big, name: 'old' }))],
      nodes: [aNode()],
    },
    notes: [],
  },
  {
    name: 'a replacement without room beside the old task is foreseen',
    situation: {
      before: specs({ ...big, ...startFirst }),
      after: specs(bigger),
      tasks: runningAll({ ...big, ...startFirst }),
      nodes: [aNode(), aNode({ id: 2 })],
    },
    notes: ['web: a new task would wait for room beside the old ones: not enough memory (2 nodes)'],
  },
  {
    name: 'one new task that would wait is one',
    situation: { after: specs({ ...big, replicas: 1 }), nodes: [aNode({ availability: 'pause' })] },
    notes: ['web: 1 of 1 new task would wait for a node: paused (1 node)'],
  },
  {
    name: 'tasks that wait already are placed after all else and not told again',
    situation: {
      before: specs({ ...big, replicas: 1 }),
      tasks: [running(big, { node: null, status: { state: 'pending' } })],
      nodes: [],
    },
    notes: [],
  },
])('$name', ({ situation, notes }) => {
  const told = plan(situation).notes.map(
    ({ service, field, message }) => `${service}${field === null ? '' : ` ${field}`}: ${message}`,
  )
  expect(told).toEqual(notes)
})

test.each<{ name: string; situation: Situation; blockers: string[] }>([
  {
    name: 'a runtime that no node has blocks the plan',
    situation: { after: specs(web), nodes: [aNode({ runtimes: [] })] },
    blockers: ['web: no node runs containers'],
  },
  {
    name: 'a runtime that does not answer blocks with its own words, each once',
    situation: {
      after: specs(web),
      nodes: [1, 2].map((id) =>
        aNode({ id, runtimes: [{ ...docker, available: false, message: 'permission denied' }] }),
      ),
    },
    blockers: ['web: no node runs containers: Docker Engine does not answer: permission denied'],
  },
  {
    name: 'processes need a node that allows them',
    situation: { after: specs(aService({ container: { image: null } })), nodes: [aNode({ runtimes: [docker] })] },
    blockers: ['web: no node runs processes'],
  },
  {
    name: 'a feature that is not there blocks the plan',
    situation: { after: specs(aService({ seeds: 2 })) },
    blockers: ['web: predictable addresses need the overlay network, which is not there yet'],
  },
  { name: 'a cluster without nodes blocks nothing', situation: { after: specs(web), nodes: [] }, blockers: [] },
])('$name', ({ situation, blockers }) => {
  expect(plan(situation).blockers.map(({ service, message }) => `${service}: ${message}`)).toEqual(blockers)
})

test('images are pulled only where they are missing on a node that answered', () => {
  const images = new Map([
    [1, new Set(['example/web:2'])],
    [2, new Set<string>()],
  ])
  const process = aService({ name: 'proc', container: { image: null, command: ['x'] } })
  const replaced = { before: specs(web), after: specs(newer, process) }
  expect(plan({ ...replaced, tasks: runningAll(web), images }).pulls).toEqual(['example/web:2'])
  expect(
    plan({ ...replaced, tasks: [running({ ...web, replicas: 1 })], after: specs({ ...newer, replicas: 1 }), images })
      .pulls,
  ).toEqual([])
  expect(plan({ ...replaced, images: new Map() }).pulls).toEqual([])
  expect(plan({ after: specs(web), nodes: [], images }).pulls).toEqual([])
})

test('the summary counts actions of each kind', () => {
  const situation = {
    before: specs(web, aService({ name: 'old' }), aService({ name: 'same' })),
    after: specs(newer, aService({ name: 'new' }), { ...aService({ name: 'same' }), restart: 'no' }),
    tasks: [...runningAll(web), running(aService({ name: 'same' }))],
  }
  expect(plan(situation).summary).toEqual({ add: 1, update: 1, replace: 1, remove: 1 })
})

test('the id of a plan names what would happen and what that rests on, nothing that moves by itself', () => {
  const situation = { before: specs(web), after: specs(newer), tasks: runningAll(web) }
  const { id } = plan(situation)
  expect(plan({ ...situation, images: new Map([[1, new Set<string>()]]) }).id).toBe(id)
  expect(plan({ ...situation, tasks: runningAll(web, tookFiveSeconds) }).id).toBe(id)
  expect(plan({ ...situation, tasks: runningAll(web, { attempt: 2 }) }).id).not.toBe(id)
  expect(plan({ ...situation, after: specs({ ...newer, replicas: 4 }) }).id).not.toBe(id)
})

const anySpec = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    mode: fc.constantFrom('replicated' as const, 'global' as const, 'job' as const),
    replicas: fc.nat(3),
    restart: fc.constantFrom('no' as const, 'always' as const),
    image: fc.constantFrom('i:1', 'i:2', null),
    order: fc.constantFrom('start-first' as const, 'stop-first' as const),
    placements: fc.subarray(['default', 'db']),
  })
  .map(({ image, order, ...rest }) => aService({ ...rest, container: { image }, update: { order, parallelism: 1 } }))
const anySpecs = fc.uniqueArray(anySpec, { selector: ({ name }) => name }).map((all) => specs(...all))
const anyTasks = fc.array(
  fc.record({
    spec: anySpec,
    slot: fc.integer({ min: 1, max: 4 }),
    attempt: fc.integer({ min: 1, max: 3 }),
    node: fc.integer({ min: 1, max: 3 }),
    state: fc.constantFrom('running' as const, 'failed' as const, 'completed' as const, 'stopped' as const),
  }),
)
const tasksFrom = (all: typeof anyTasks extends fc.Arbitrary<infer T> ? T : never): Task[] => {
  const made = all.map(({ state, ...rest }) =>
    running(rest.spec, { ...rest, status: { state, ready: state === 'running' } }),
  )
  return [...new Map(made.map((task) => [task.id, task])).values()]
}

/** The tasks of a cluster that reached its manifest. */
function reached(wanted: Specs): Task[] {
  return Object.values(wanted).flatMap((spec) => {
    const slots =
      spec.mode === 'global'
        ? [1, 2, 3].filter(() => spec.placements.length !== 1 || spec.placements[0] === 'default')
        : Array.from({ length: spec.replicas }, (_, i) => i + 1)
    return slots.map((slot) => running(spec, { slot, node: slot, attempt: 7 }))
  })
}

test('a manifest that is reached has an empty plan', () => {
  fc.assert(fc.property(anySpecs, (wanted) => isEmptyPlan(plan({ before: wanted, tasks: reached(wanted) }))))
})

test('the order in which tasks and nodes are listed makes no difference to a plan', () => {
  fc.assert(
    fc.property(anySpecs, anySpecs, anyTasks, (before, after, drawn) => {
      const tasks = tasksFrom(drawn)
      const mirrored = plan({ before, after, tasks: tasks.toReversed(), nodes: threeNodes.toReversed() })
      expect(mirrored).toEqual(plan({ before, after, tasks }))
    }),
  )
})

test('every action has a reason, and every task that it takes down is there', () => {
  fc.assert(
    fc.property(anySpecs, anySpecs, anyTasks, (before, after, drawn) => {
      const tasks = tasksFrom(drawn)
      const { actions, summary } = plan({ before, after, tasks })
      expect(Object.values(summary).reduce((a, b) => a + b)).toBe(actions.length)
      for (const action of actions) {
        expect(action.because).not.toBe('')
        for (const { task } of action.tasks) if (task !== null) expect(tasks.map(({ id }) => id)).toContain(task)
      }
    }),
  )
})

test('applying again and again leads to the same specs', () => {
  fc.assert(
    fc.property(anySpecs, anySpecs, (current, services) => {
      const change: ManifestChange = { kind: 'apply', manifest: { services, placements: [] }, text: '' }
      const once = targetOf(change, current, null)
      expect(targetOf(change, once, null)).toEqual(once)
    }),
  )
})
