import * as z from 'zod'
import { EVENT_KINDS, type Event } from '../../../core/model/event.ts'
import type { HostStats } from '../../../core/model/host-stats.ts'
import { AVAILABILITIES, NODE_STATUSES } from '../../../core/model/node.ts'
import { RUNTIME_KINDS } from '../../../core/model/service.ts'
import {
  type ClusterView,
  type Explanation,
  NODE_ROLES,
  type NodeView,
  type ServerView,
} from '../../../core/model/view.ts'
import { STRATEGIES } from '../../../core/schedule/strategy.ts'
import { SETTING_KEYS, type SettingView } from '../../../core/settings/settings.ts'
import type { Health, WireMetric } from '../../wire.ts'
import { count, instant, named, positive, text, textMap } from './named.ts'
import { resources } from './service.ts'

export const health: z.ZodType<Health> = named(
  'Health',
  z.strictObject({ status: z.literal('ok'), version: text }),
  'Whether the server answers.',
)

const runtime = z.strictObject({
  kind: z.enum(RUNTIME_KINDS),
  available: z.boolean(),
  version: text,
  message: text,
  unsupported: textMap,
})

const facts = z.strictObject({
  placement: text,
  publicAddress: text.nullable(),
  region: text.nullable(),
  zone: text.nullable(),
})

const settings = z.strictObject({
  placement: text.nullable(),
  publicAddress: text.nullable(),
  region: text.nullable().exactOptional(),
  zone: text.nullable().exactOptional(),
  labels: z.record(z.string(), text.nullable()),
})

export const node: z.ZodType<NodeView> = named(
  'Node',
  z.strictObject({
    id: positive,
    machineId: text.nullable().describe('null: no machine stands for it now.'),
    reserved: z.boolean().describe('The next machine that joins takes its place.'),
    name: text,
    hostname: text,
    availability: z.enum(AVAILABILITIES),
    status: z.enum(NODE_STATUSES),
    placement: text,
    address: z.string().nullable().describe('Where servers reach the machine; null: it is the server’s own.'),
    publicAddress: text.nullable(),
    region: text.nullable(),
    zone: text.nullable(),
    labels: textMap,
    settings: settings.describe('What users set; it wins over what the agent says.'),
    said: facts.exactOptional().describe('What its agent said when it connected last, whatever users set.'),
    capacity: resources,
    runtimes: z.array(runtime),
    version: text,
    joinedAt: instant,
    role: z.enum(NODE_ROLES).describe('As far as the server knows that answers.'),
    tasks: count.describe('Tasks there that have not ended.'),
  }),
  'A machine that runs the agent.',
)

export const hostStats: z.ZodType<HostStats> = named(
  'HostStats',
  z.strictObject({
    memoryTotalBytes: count,
    memoryAvailableBytes: count,
    diskTotalBytes: count,
    diskFreeBytes: count,
    cpuBusyMs: z.number(),
    cpuTotalMs: z.number(),
    load1: z.number(),
    load5: z.number(),
    load15: z.number(),
  }),
  'What a node measures of itself.',
)

export const setting: z.ZodType<SettingView> = named(
  'Setting',
  z.strictObject({
    key: z.enum(SETTING_KEYS),
    value: text,
    isSet: z.boolean().describe('Whether it was set for the cluster; else the leader was started with it.'),
    meaning: text,
  }),
  'A setting of the whole cluster.',
)

export const metric: z.ZodType<WireMetric> = named(
  'Metric',
  z.strictObject({
    name: text,
    type: z.enum(['gauge', 'counter', 'histogram']),
    help: text,
    samples: z.array(z.strictObject({ name: text, labels: textMap, value: z.number() })),
  }),
  'Figures that mean the same thing.',
)

export const settingChange = z.strictObject({ key: z.string().min(1).max(100), value: z.string().max(1_000) })

export const server: z.ZodType<ServerView> = named(
  'Server',
  z.strictObject({
    name: z.string().describe('Empty until its etcd has run once.'),
    address: text,
    id: text.describe('Of the member of the store, in hex.'),
    isVoting: z.boolean().describe('Otherwise it is still learning.'),
    leads: z.boolean().describe('It leads the members of the store; that need not be the leader of the cluster.'),
    alive: z.boolean(),
    version: z.string().nullable().describe('Of etcd; null: it has never answered.'),
  }),
  'A server that keeps the store together with the others.',
)

const condition = named(
  'StoreCondition',
  z.strictObject({ kind: text, severity: z.enum(['warning', 'failure']), message: text, hint: text }),
  'A lasting state of the store that people should know of.',
)

export const clusterView: z.ZodType<ClusterView> = named(
  'ClusterView',
  z.strictObject({
    cluster: z.strictObject({
      id: text,
      name: text,
      incarnation: count,
      createdAt: instant,
      level: positive.exactOptional().describe('Of the forms that its objects may have. Left out: 1.'),
      keepsUnknown: z
        .literal(true)
        .exactOptional()
        .describe('The state was put back: agents keep what they run and it does not know, until it is settled.'),
      settling: z
        .array(positive)
        .exactOptional()
        .describe('It was settled: the nodes that have not said yet that they run nothing which it does not know.'),
      settings: z
        .strictObject({ strategy: z.enum(STRATEGIES).exactOptional() })
        .exactOptional()
        .describe('What users set for all of it.'),
    }),
    leadership: z.strictObject({ epoch: count, holder: text, address: text.nullable(), since: instant }),
    store: text,
    servers: z.array(server).describe('Servers that keep the store themselves; none with any other store.'),
    conditions: z.array(condition),
    storeRevision: count,
    version: text,
    desiredRevision: count,
    nodes: z.array(node),
  }),
  'The cluster, its leader and its nodes.',
)

export const event: z.ZodType<Event> = named(
  'Event',
  z.strictObject({
    id: text,
    kind: z.enum(EVENT_KINDS),
    object: text,
    service: text.nullable(),
    message: text,
    by: text,
    at: instant,
  }),
  'A record of what happened. Ids sort in the order of happening.',
)

export const explanation: z.ZodType<Explanation> = named(
  'Explanation',
  z.strictObject({ object: text, summary: text, reasons: z.array(text), events: z.array(event) }),
  'Why an object is as it is: one sentence, what holds it up, and the events that led there.',
)
