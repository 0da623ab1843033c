import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { aContainer, aNode, aService } from '../../../test/builders.ts'
import { OperationalError, type Problem } from '../../core/errors.ts'
import type { Event } from '../../core/model/event.ts'
import type { ManifestRevision } from '../../core/model/manifest.ts'
import type { PlanAction } from '../../core/model/plan.ts'
import type { AuthorityView, DispatchView, NodeView, ServiceView, TaskView } from '../../core/model/view.ts'
import type { WirePlan } from '../../transport/wire.ts'
import { authorityNodesText, authorityText, rotationLine } from './authority.ts'
import { clusterText, healthText } from './cluster.ts'
import { dispatchText } from './dispatches.ts'
import { drainLines } from './drain.ts'
import { eventText, explanationText } from './events.ts'
import { failureText } from './failure.ts'
import type { Format } from './format.ts'
import { LogLanes, printedText } from './logs.ts'
import { nodesText, nodeText } from './nodes.ts'
import { planText } from './plan.ts'
import { progressLines } from './progress.ts'
import { revisionsText } from './revisions.ts'
import { servicesText, serviceText } from './services.ts'
import { type Style, styleFor } from './style.ts'
import { tasksText } from './tasks.ts'

const FOLDER = 'test/golden/cli'
/** With UPDATE_GENERATED=1 the expectations are rewritten; review them as a diff. */
const update = process.env['UPDATE_GENERATED'] === '1'

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)
const ago = (seconds: number): number => NOW - seconds * 1_000
const plain: Format = { style: styleFor(false), width: 110, now: NOW }
const narrow: Format = { ...plain, width: 60 }
/** Colours as words, so that a reader of the golden file sees them. */
const tagged: Style = {
  heading: (text) => `[heading ${text}]`,
  good: (text) => `[good ${text}]`,
  bad: (text) => `[bad ${text}]`,
  warning: (text) => `[warning ${text}]`,
  quiet: (text) => `[quiet ${text}]`,
  added: (text) => `[added ${text}]`,
  changed: (text) => `[changed ${text}]`,
  removed: (text) => `[removed ${text}]`,
  lane: (index, text) => `[lane ${index} ${text}]`,
}

const service = (name: string, change: Partial<ServiceView> = {}): ServiceView => ({
  ...{ name, mode: 'replicated', runtime: 'docker', image: 'example.com/shop/web:1.4.2', replicas: 3, running: 3 },
  ...{ ready: 3, current: 3, health: 'healthy', message: '', updatedAt: ago(7_400), dispatch: null },
  ...change,
})
const task = (id: string, change: Partial<TaskView> = {}): TaskView => {
  const [name = '', slot = '', attempt = ''] = id.split('.')
  return {
    ...{ id, service: name, slot: Number(slot), attempt: Number(attempt), node: 1, state: 'running', ready: true },
    ...{ desired: 'running', restarts: 0, runtime: 'docker', image: 'web:1', address: null, containerId: 'c1' },
    ...{ ports: [{ container: 80, host: 20_000, protocol: 'tcp' }], exitCode: null, message: '' },
    ...{ createdAt: ago(200), startedAt: ago(190), finishedAt: null },
    ...change,
  }
}
const WEB = service('web')
const API = service('api', {
  ...{ ready: 2, current: 1, health: 'degraded', updatedAt: ago(4) },
  message: 'api.3.1 is pending: not enough memory (3 nodes), needs disk=ssd (1 node)',
})
const DOWN = service('ledger', {
  image: null,
  runtime: 'process',
  replicas: 1,
  ready: 0,
  current: 0,
  health: 'unhealthy',
  message: 'ledger.1.2 failed: exit code 3',
})
const PAUSED = service('night', {
  replicas: 0,
  ready: 0,
  current: 0,
  running: 0,
  health: 'paused',
  message: 'scaled to 0',
  updatedAt: 0,
})
const JOB = service('migrate', { mode: 'job', replicas: 1, ready: 0, current: 0, running: 0 })
const SERVICES = [API, DOWN, JOB, PAUSED, WEB]
const TASKS = [
  task('web.1.1'),
  task('web.2.3', {
    ready: false,
    restarts: 4,
    message: 'not ready after 4 restarts in place: exit code 1',
    ports: [],
  }),
  task('web.3.1', {
    state: 'pending',
    node: null,
    startedAt: null,
    ready: false,
    ports: [],
    message: 'no node has 2 GiB of free memory',
  }),
  task('web.3.0', { state: 'failed', ready: false, finishedAt: ago(60), message: 'exit code 137: out of memory' }),
]

const action = (change: Partial<PlanAction>): PlanAction => ({
  ...{ kind: 'add', service: 'web', subject: 'nginx:alpine', fields: [], because: 'it is not in the cluster yet' },
  ...{ tasks: [{ slot: 1, task: null, node: null }], consequence: '' },
  ...change,
})
const plan = (change: Partial<WirePlan>): WirePlan => ({
  ...{ id: '0123456789abcdef', clusterId: 'c', baseRevision: 1, change: { kind: 'reapply' }, actions: [], pulls: [] },
  ...{
    summary: { add: 0, update: 0, replace: 0, remove: 0 },
    notes: [],
    blockers: [],
    nodes: [],
    level: null,
    facts: {},
  },
  ...change,
})
const PLAN = plan({
  actions: [
    action({ service: 'api', tasks: [1, 2].map((slot) => ({ slot, task: null, node: null })) }),
    action({
      ...{
        kind: 'update',
        service: 'cache',
        subject: 'redis:7',
        because: 'replicas changed',
        consequence: '2 → 3 running',
      },
      fields: [{ field: 'replicas', from: '2', to: '3', effect: 'in-place' }],
    }),
    action({
      ...{
        kind: 'replace',
        because: 'image cannot change in a running task',
        consequence: '3 → 4 running while each task is replaced',
      },
      fields: [
        { field: 'image', from: 'nginx:1.25', to: 'nginx:1.27', effect: 'replace' },
        { field: 'env.MODE', from: '', to: 'fast', effect: 'replace' },
        { field: 'update.parallelism', from: '1', to: '2', effect: 'in-place' },
      ],
    }),
    action({
      kind: 'remove',
      service: 'old',
      because: 'it is no longer in the manifest',
      consequence: 'what it served is gone',
    }),
  ],
  summary: { add: 1, update: 1, replace: 1, remove: 1 },
  pulls: ['nginx:1.27'],
  notes: [{ service: 'api', field: 'privileged', message: 'has no effect: a process has the rights of the node' }],
})
const DRAIN = plan({
  change: { kind: 'node', node: 2, set: { availability: 'drain' }, force: false },
  nodes: [
    {
      ...{ node: 2, name: 'node-2:7946', kind: 'change', consequence: 'it takes no new tasks and is emptied' },
      fields: [{ field: 'availability', from: 'active', to: 'drain' }],
    },
  ],
  actions: [
    action({
      ...{ kind: 'replace', because: 'node 2 is drained', consequence: '3 → 4 running while each task is replaced' },
      tasks: [{ slot: 2, task: 'web.2.1', node: 2 }],
    }),
  ],
  summary: { add: 0, update: 0, replace: 1, remove: 0 },
  blockers: [{ service: 'db', field: null, message: 'db.1.1 keeps data in volume pg of node 2, which does not move' }],
})
const BLOCKED = plan({
  blockers: [
    { service: 'web', field: 'files', message: 'no node can mount files' },
    { service: null, field: null, message: 'no node is ready' },
  ],
})

const revision = (number: number, change: Partial<ManifestRevision> = {}): Omit<ManifestRevision, 'text'> => ({
  ...{ number, state: 'applied', message: '', services: ['web', 'api'], placements: [], removes: ['old'] },
  ...{ cause: 'apply', by: 'local user', createdAt: ago(90), finishedAt: ago(80) },
  ...change,
})
const AUTHORITY: AuthorityView = {
  ...{ signing: 'jbsw3dpe', trusted: ['jbsw3dpe', 'krugs4zb'], rotation: 'prepared', since: plain.now - 90_000 },
  ...{ waitsFor: [3], revoked: 1 },
  clusterKey: { id: '0123456789abcdef', change: 'switched', since: plain.now - 30_000, waitsFor: [2] },
  nodes: [
    { nodeId: 1, name: 'a', connected: true, trustsNext: true, holdsNext: false, notAfter: plain.now + 6 * 86_400_000 },
    { nodeId: 3, name: 'c', connected: false, trustsNext: false, holdsNext: false, notAfter: plain.now + 7_200_000 },
  ],
}

const nodeView = (change: Partial<NodeView>): NodeView => ({
  ...aNode(change),
  tasks: change.tasks ?? 2,
  role: change.role ?? 'agent',
})
const NODE = nodeView({
  ...{ joinedAt: ago(90_000), labels: { disk: 'ssd', zone: 'a' }, publicAddress: '203.0.113.7' },
  runtimes: [
    {
      kind: 'docker',
      available: false,
      version: '20.10.24',
      message: 'connect ENOENT /var/run/docker.sock',
      unsupported: {},
    },
    {
      ...{ kind: 'process', available: true, version: '1', message: '' },
      unsupported: {
        image: 'a process runs a program of the node',
        dns: 'it shares the network',
        hostname: 'it shares the network',
      },
    },
  ],
})
const SERVERS = [
  {
    name: 's1',
    address: '10.0.0.1',
    id: '8e9e05c52164694d',
    isVoting: true,
    leads: true,
    alive: true,
    version: '3.5.28',
  },
  {
    name: 's2',
    address: '10.0.0.2',
    id: '91bc3c398fb3c146',
    isVoting: true,
    leads: false,
    alive: false,
    version: null,
  },
  { name: '', address: '10.0.0.3', id: 'fd422379fda50e48', isVoting: false, leads: false, alive: false, version: null },
]
const CONDITIONS = [
  {
    kind: 'quorum lost',
    severity: 'failure',
    message: 'the store has lost its quorum: 1 of 2 members answers',
    hint: 'start s2 again',
  },
] as const
const EVENTS: readonly Event[] = [
  {
    id: '1',
    kind: 'task.created',
    object: 'task/web.1.1',
    service: 'web',
    message: 'web.1.1 was created: the slot is empty',
    by: 'control',
    at: ago(65),
  },
  {
    id: '2',
    kind: 'manifest.superseded',
    object: 'manifest/3',
    service: null,
    message: 'manifest 3 is superseded\u001b[31m',
    by: 'token ab12',
    at: ago(5),
  },
]
const DISPATCH: DispatchView = {
  ...{
    id: '0b7c1d2e-5a55-4f0f-9d43-3a1f5f3a7c11',
    name: 'migrate',
    desired: 'running',
    by: 'local user',
    createdAt: ago(30),
  },
  spec: aService({ container: aContainer({ image: null, command: ['./migrate', '--all'] }) }),
  task: task('migrate.1.1'),
}
const problem = (change: Partial<Problem>): Problem => ({
  ...{
    path: 'services.web.replicas',
    message: 'must be a whole number, not "three"',
    hint: '',
    file: 'shop.yaml',
    line: 4,
    column: 15,
  },
  ...change,
})
const FAILURE = new OperationalError('SPEC_INVALID', 'the manifest has problems', {
  hint: 'gantry validate shop.yaml',
  problems: [
    problem({}),
    problem({
      path: 'services.web.replcas',
      message: 'unknown key',
      hint: 'did you mean replicas?',
      line: 5,
      column: 5,
    }),
    problem({ file: null, line: null, column: null, path: '' }),
  ],
})

function lanes(style: Style): string {
  const all = new LogLanes(style, printedText)
  const line = (of: string, text: string): string => all.line({ task: of, text, stream: 'stdout', at: NOW })
  return [line('web.1.1', 'listening'), line('web.10.1', 'listening'), line('web.1.1', '\u001b[2Jcleared?\tyes')].join(
    '\n',
  )
}

const LEAVING = [service('old', { running: 2 }), service('older', { running: 0 })]
const progress = (style: Style): string =>
  progressLines({ revision: revision(4, { removes: ['old', 'older'] }), services: [...SERVICES, ...LEAVING] }, style)
    .map(({ text, paint = (same: string) => same }) => paint(text))
    .join('\n')

const CASES: Readonly<Record<string, () => string>> = {
  services: () => servicesText(SERVICES, plain),
  'services-narrow': () => servicesText(SERVICES, narrow),
  'services-colours': () => servicesText(SERVICES, { ...plain, style: tagged }),
  'services-none': () => servicesText([], plain),
  service: () => serviceText({ ...API, spec: aService(), tasks: TASKS }, plain),
  tasks: () => tasksText(TASKS, plain),
  'tasks-narrow': () => tasksText(TASKS, narrow),
  'tasks-colours': () => tasksText(TASKS, { ...plain, style: tagged }),
  nodes: () =>
    nodesText(
      [
        NODE,
        nodeView({
          id: 2,
          role: 'server',
          status: 'unreachable',
          capacity: { cpuMillis: 1_000, memoryBytes: 512 * 1024 ** 2, diskBytes: 0 },
        }),
        nodeView({ id: 3, status: 'draining', availability: 'drain' }),
        nodeView({ id: 4, status: 'unreachable', machineId: null, reserved: true, tasks: 0 }),
      ],
      plain,
    ),
  node: () => nodeText(NODE, plain),
  revisions: () =>
    revisionsText(
      [
        revision(3, { state: 'progressing' }),
        revision(2, { state: 'failed', message: 'web.1.1 failed: exit code 3', cause: 'rollback to 1' }),
        revision(1),
      ],
      plain,
    ),
  dispatch: () => dispatchText({ dispatch: DISPATCH, tasks: [task('migrate.1.1')] }, plain),
  cluster: () =>
    clusterText(
      {
        cluster: { id: '0123456789abcdef', name: 'shop', incarnation: 1, createdAt: ago(400_000) },
        leadership: { epoch: 2, holder: 'node-1:7946', address: null, since: ago(50) },
        store: 'etcd',
        servers: SERVERS,
        conditions: CONDITIONS,
        storeRevision: 512,
        version: '0.1.0',
        desiredRevision: 3,
        nodes: [NODE],
      },
      plain,
    ),
  health: () =>
    [healthText([WEB, PAUSED], [], plain), healthText(SERVICES, [], plain), healthText([WEB], CONDITIONS, plain)].join(
      '\n---\n',
    ),
  events: () => EVENTS.map((event) => eventText(event, plain.style)).join('\n'),
  explain: () =>
    explanationText(
      {
        object: 'web',
        summary: 'web is degraded: 2 of 3 ready',
        reasons: ['web.3.1 is pending: no node has 2 GiB of free memory; add a node or lower resources.memory_bytes'],
        events: EVENTS,
      },
      tagged,
    ),
  logs: () => lanes(tagged),
  plan: () => planText(PLAN, plain.style),
  'plan-colours': () => planText(PLAN, tagged),
  'plan-nothing': () => planText(plan({}), plain.style),
  authority: () => authorityText(AUTHORITY, plain),
  'authority-nodes': () => authorityNodesText(AUTHORITY, plain),
  'authority-change': () => rotationLine(AUTHORITY),
  'plan-of-a-node': () => planText(DRAIN, plain.style),
  drain: () =>
    drainLines(
      2,
      [
        task('web.1.1', { node: 2 }),
        task('web.1.2', { node: 3, state: 'preparing', ready: false, message: 'pulling nginx:1.27' }),
        task('web.2.1', { node: 2 }),
        task('api.1.1', { node: 2 }),
        task('api.1.2', { node: null, state: 'pending', ready: false, message: 'not enough memory (2 nodes)' }),
        task('db.1.1', { node: 2, desired: 'stopped' }),
      ],
      plain.style,
    )
      .map(({ text }) => text)
      .join('\n'),
  'plan-blocked': () => planText(BLOCKED, plain.style),
  progress: () => progress(plain.style),
  'progress-colours': () => progress(tagged),
  failure: () => failureText(FAILURE, plain.style, false),
  'failure-of-ours': () => failureText(new TypeError('x is not a function'), plain.style, false),
}

test.each(Object.entries(CASES))('a person reads the golden text: %s', (name, render) => {
  const file = join(FOLDER, `${name}.txt`)
  const actual = `${render()}\n`
  if (update) writeFileSync(file, actual)
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(actual)
})

test('a server of an older version does not say what its nodes are', () => {
  const { role: _, ...older } = NODE
  expect(nodesText([older], plain)).toMatch(/^ID .*\n1 +\S+ +- /)
})

test('every golden text has a case', () => {
  expect(readdirSync(FOLDER).sort()).toEqual(
    Object.keys(CASES)
      .map((name) => `${name}.txt`)
      .sort(),
  )
})
