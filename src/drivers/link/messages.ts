import * as z from 'zod'
import type {
  AgentMessage,
  Elsewhere,
  Hello,
  Refused,
  Renew,
  Renewed,
  Report,
  ServerMessage,
  Trust,
  TrustUpdate,
} from '../../core/model/message.ts'
import type { AssignmentDelta } from './assignment-delta.ts'
import {
  authority,
  count,
  type Forms,
  incarnationProof,
  positive,
  resources,
  runtime,
  text,
  whole,
  word,
  wordMap,
} from './forms.ts'
import { task, taskChange, taskStatus } from './task-form.ts'

const MOST_TASKS = 100_000
const MOST_REVOKED = 10_000
/** One trusts two authorities at most, while one takes over from the other. */
const MOST_TRUSTED = 10
/** One more than a server ever has. */
const MOST_KEYS = 3

/** Kinds of messages of agents. */
export const AGENT_KINDS: ReadonlySet<string> = new Set<AgentMessage['kind']>(['hello', 'report', 'renew'])

/** What agents say. */
export const agentMessage: z.ZodType<AgentMessage> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('hello'),
    level: count,
    nodeId: positive.nullable(),
    machineId: z.string().min(1).max(300),
    name: word,
    hostname: word,
    placement: word,
    address: word.nullable(),
    publicAddress: word.nullable(),
    region: word.nullable().exactOptional(),
    zone: word.nullable().exactOptional(),
    labels: wordMap,
    capacity: resources,
    runtimes: z.array(runtime).max(10),
    version: word,
    authority: authority.nullable(),
    trust: z
      .object({
        authorities: z.array(word).max(MOST_TRUSTED),
        signedBy: word,
        clusterKeys: z.array(word).max(MOST_KEYS).exactOptional(),
      } satisfies Forms<Trust>)
      .exactOptional(),
    trouble: word.exactOptional(),
    clock: count.exactOptional(),
  } satisfies Forms<Hello>),
  z.object({
    kind: z.literal('report'),
    statuses: z.array(z.object({ taskId: word, status: taskStatus })).max(MOST_TASKS),
    settled: z.literal(true).exactOptional(),
  } satisfies Forms<Report>),
  z.object({ kind: z.literal('renew'), round: count } satisfies Forms<Renew>),
])

/** What servers say: as their messages, but assignments go as differences. */
export type WireServerMessage = AssignmentDelta | Refused | Elsewhere | Renewed | TrustUpdate

/** Kinds of messages of servers. */
export const SERVER_KINDS: ReadonlySet<string> = new Set<ServerMessage['kind']>([
  'assignment',
  'refused',
  'elsewhere',
  'renewed',
  'trust',
])

export const serverMessage: z.ZodType<WireServerMessage> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('assignment'),
    authority,
    nodeId: positive,
    anew: z.boolean(),
    added: z.array(task).max(MOST_TASKS),
    changed: z.array(z.object({ id: word, set: taskChange })).max(MOST_TASKS),
    removed: z.array(word).max(MOST_TASKS),
    order: z.array(word).max(MOST_TASKS).nullable(),
    tasks: whole,
    dismissed: z.literal(true).exactOptional(),
    proof: incarnationProof.exactOptional(),
    keepsUnknown: z.literal(true).exactOptional(),
    settles: z.literal(true).exactOptional(),
    unsettled: z.literal(true).exactOptional(),
  } satisfies Forms<AssignmentDelta>),
  z.object({
    kind: z.literal('refused'),
    message: text,
    remedy: z.enum(['end', 'renew']).exactOptional(),
  } satisfies Forms<Refused>),
  z.object({ kind: z.literal('elsewhere'), leader: word.nullable() } satisfies Forms<Elsewhere>),
  z.object({
    kind: z.literal('trust'),
    authority,
    bundle: text,
    signing: word,
    renewWithinMs: count,
    revokedServers: z.array(word).max(MOST_REVOKED),
    proof: incarnationProof.exactOptional(),
    clusterKeys: z.array(word).max(MOST_KEYS).exactOptional(),
  } satisfies Forms<TrustUpdate>),
  z.object({
    kind: z.literal('renewed'),
    round: count,
    tasks: z.array(word).max(MOST_TASKS),
  } satisfies Forms<Renewed>),
])
