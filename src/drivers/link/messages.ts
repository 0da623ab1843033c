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
} from '../../core/model/message.ts'
import type { AssignmentDelta } from './assignment-delta.ts'
import { authority, count, type Forms, positive, resources, runtime, text, whole, word, wordMap } from './forms.ts'
import { task, taskChange, taskStatus } from './task-form.ts'

const MOST_TASKS = 100_000

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
    labels: wordMap,
    capacity: resources,
    runtimes: z.array(runtime).max(10),
    version: word,
    authority: authority.nullable(),
  } satisfies Forms<Hello>),
  z.object({
    kind: z.literal('report'),
    statuses: z.array(z.object({ taskId: word, status: taskStatus })).max(MOST_TASKS),
  } satisfies Forms<Report>),
  z.object({ kind: z.literal('renew'), round: count } satisfies Forms<Renew>),
])

/** What servers say: as their messages, but assignments go as differences. */
export type WireServerMessage = AssignmentDelta | Refused | Elsewhere | Renewed

/** Kinds of messages of servers. */
export const SERVER_KINDS: ReadonlySet<string> = new Set<ServerMessage['kind']>([
  'assignment',
  'refused',
  'elsewhere',
  'renewed',
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
  } satisfies Forms<AssignmentDelta>),
  z.object({ kind: z.literal('refused'), message: text } satisfies Forms<Refused>),
  z.object({ kind: z.literal('elsewhere'), leader: word.nullable() } satisfies Forms<Elsewhere>),
  z.object({
    kind: z.literal('renewed'),
    round: count,
    tasks: z.array(word).max(MOST_TASKS),
  } satisfies Forms<Renewed>),
])
