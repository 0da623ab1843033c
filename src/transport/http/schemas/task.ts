import * as z from 'zod'
import type { TaskLogLine } from '../../../control/api.ts'
import type { TaskSample } from '../../../core/model/message.ts'
import { PROTOCOLS, RUNTIME_KINDS } from '../../../core/model/service.ts'
import { TASK_STATES } from '../../../core/model/task.ts'
import type { DispatchView, Inspection, TaskView } from '../../../core/model/view.ts'
import { count, instant, named, positive, text } from './named.ts'

export const taskView: z.ZodType<TaskView> = named(
  'TaskView',
  z.strictObject({
    id: text,
    service: text,
    slot: positive,
    attempt: positive,
    node: positive.nullable(),
    state: z.enum(TASK_STATES),
    desired: z.enum(['prepared', 'running', 'stopped']),
    ready: z.boolean(),
    restarts: count,
    runtime: z.enum(RUNTIME_KINDS),
    image: text.nullable(),
    ports: z.array(z.strictObject({ container: positive, host: positive, protocol: z.enum(PROTOCOLS) })),
    address: text.nullable(),
    containerId: text.nullable(),
    exitCode: z.int().nullable(),
    message: text,
    createdAt: instant,
    startedAt: instant.nullable(),
    finishedAt: instant.nullable(),
  }),
  'One attempt to run one replica in one slot of a service on one node.',
)

export const logLine: z.ZodType<TaskLogLine> = named(
  'TaskLogLine',
  z.strictObject({ task: text, stream: z.enum(['stdout', 'stderr']), at: instant, text }),
  'One line that a task wrote.',
)

export const taskSample: z.ZodType<TaskSample> = named(
  'TaskSample',
  z.strictObject({ taskId: text, cpuMillis: z.number(), memoryBytes: count, at: instant }),
  'Use of CPU and memory by one task.',
)

export const inspection: z.ZodType<Inspection> = named(
  'Inspection',
  z.strictObject({ task: text, exitCode: z.int(), output: text }),
  'What the inspect command of a service printed in one of its tasks.',
)

export function dispatchOf(spec: z.ZodType<DispatchView['spec']>): z.ZodType<DispatchView> {
  return z.strictObject({
    id: text,
    name: text,
    spec,
    desired: z.enum(['running', 'stopped']),
    by: text,
    createdAt: instant,
    task: taskView.nullable(),
  })
}
