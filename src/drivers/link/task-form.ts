import * as z from 'zod'
import { PROTOCOLS } from '../../core/model/service.ts'
import { FAILURES, TASK_STATES, type Task, type TaskStatus } from '../../core/model/task.ts'
import { count, type Forms, moment, positive, text, whole, word } from './forms.ts'
import { serviceSpec } from './spec-form.ts'

/** What an agent saw of a task. */
export const taskStatus: z.ZodType<TaskStatus> = z.object({
  state: z.enum(TASK_STATES),
  prepared: z.boolean(),
  ready: z.boolean(),
  restarts: whole,
  failures: whole,
  exitCode: z.number().nullable(),
  failure: z.enum(FAILURES).nullable(),
  message: text,
  containerId: word.nullable(),
  address: word.nullable(),
  startedAt: moment,
  readyAt: moment,
  finishedAt: moment,
} satisfies Forms<TaskStatus>)

const keys = z.object({
  id: word,
  service: word,
  slot: positive,
  attempt: positive,
  spec: serviceSpec,
  specHash: word,
  node: positive.nullable(),
  placement: word.nullable(),
  hostPorts: z.array(z.object({ container: positive, host: positive, protocol: z.enum(PROTOCOLS) })),
  desired: z.enum(['prepared', 'running', 'stopped']),
  because: text,
  refusal: text.nullable(),
  stoppedByUser: z.boolean(),
  gone: z.boolean(),
  createdAt: count,
  endedAt: count.optional(),
  status: taskStatus,
} satisfies Forms<Task>)

export const task: z.ZodType<Task> = keys

/** Some of the keys of a task. */
export const taskChange = keys.partial()
