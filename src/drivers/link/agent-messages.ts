import * as z from 'zod'
import type { AgentMessage } from '../../core/model/message.ts'
import { RUNTIME_KINDS } from '../../core/model/service.ts'
import { FAILURES, TASK_STATES } from '../../core/model/task.ts'

// Sizes are bounded: an agent may be in the hands of somebody else.
const text = z.string().max(4_096)
const count = z.number().nonnegative()
const instant = z.number().nullable()

const authority = z.object({ clusterId: text, incarnation: count, epoch: count, revision: count })

const runtime = z.object({
  kind: z.enum(RUNTIME_KINDS),
  available: z.boolean(),
  version: text,
  message: text,
  unsupported: z.record(text, text),
})

const hello = z.object({
  kind: z.literal('hello'),
  wireVersion: z.number(),
  nodeId: z.number().int().positive().nullable(),
  machineId: z.string().min(1).max(300),
  name: text,
  hostname: text,
  placement: text,
  address: text.nullable(),
  publicAddress: text.nullable(),
  labels: z.record(text, text),
  capacity: z.object({ cpuMillis: count, memoryBytes: count, diskBytes: count }),
  runtimes: z.array(runtime).max(10),
  version: text,
  authority: authority.nullable(),
})

const status = z.object({
  state: z.enum(TASK_STATES),
  prepared: z.boolean(),
  ready: z.boolean(),
  restarts: count,
  failures: count,
  exitCode: z.number().nullable(),
  failure: z.enum(FAILURES).nullable(),
  message: z.string().max(65_536),
  startedAt: instant,
  readyAt: instant,
  finishedAt: instant,
  address: text.nullable(),
  containerId: text.nullable(),
})

const report = z.object({
  kind: z.literal('report'),
  statuses: z.array(z.object({ taskId: text, status })).max(20_000),
})

const message: z.ZodType<AgentMessage> = z.discriminatedUnion('kind', [hello, report])

/** A message of an agent, checked; null: it is none that this version understands. */
export function readAgentMessage(value: unknown): AgentMessage | null {
  const read = message.safeParse(value)
  return read.success ? read.data : null
}
