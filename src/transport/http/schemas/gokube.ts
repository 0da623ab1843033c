import * as z from 'zod'
import type { GokubeTask } from '../../../core/compat/gokube.ts'
import type { GokubeStats } from '../../../core/compat/gokube-stats.ts'
import { count, named, text, textMap } from './named.ts'

const port = z.string().regex(/^[1-9]\d{0,4}(\/(tcp|udp))?$/, 'must be a port, such as 80 or 53/udp')
const time = z.string().max(64).nullish()
const state = z.int().min(0).max(4)

/** What is a map in Go may come as null. */
function goMap<K extends z.core.$ZodRecordKey, V extends z.ZodType>(keys: K, values: V) {
  return z
    .record(keys, values)
    .nullish()
    .transform((map) => map ?? ({} as z.output<z.ZodRecord<K, V>>))
}

const wanted = z.strictObject({
  ID: z.uuid().transform((id) => id.toLowerCase()),
  Name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be a name of letters, digits, _, . and -')
    .max(50),
  Image: z.string().min(1),
  Memory: count.default(0),
  Disk: count.default(0),
  ExposedPort: goMap(port, z.strictObject({})),
  PortBindings: goMap(port, z.string().regex(/^\d{1,5}$/, 'must be the number of a port')),
  RestartPolicy: z.enum(['', 'no', 'always', 'unless-stopped', 'on-failure']).default(''),
  HealthCheck: z.string().max(1_000).default(''),
  State: state.optional().describe('Not used: the server knows the state.'),
  ContainerId: z.string().max(200).optional().describe('Not used.'),
  HostPorts: z.record(z.string(), z.unknown()).nullish().describe('Not used.'),
  StartTime: time.describe('Not used.'),
  FinishTime: time.describe('Not used.'),
  RestartCount: z.int().optional().describe('Not used.'),
})

export const gokubeEvent = z.strictObject({
  ID: z.uuid().optional(),
  State: state.default(2).describe('3 (Completed) stops the task; every other state starts it.'),
  Timestamp: time,
  Task: wanted,
})

export const gokubeTaskForm: z.ZodType<GokubeTask> = named(
  'GokubeTask',
  z.strictObject({
    ID: text,
    ContainerId: text,
    Name: text,
    State: state,
    Image: text,
    Memory: count,
    Disk: count,
    ExposedPort: z.record(z.string(), z.object({})),
    HostPorts: z.record(z.string(), z.array(z.strictObject({ HostIp: text, HostPort: text }))),
    PortBindings: textMap,
    RestartPolicy: text,
    StartTime: text,
    FinishTime: text,
    HealthCheck: text,
    RestartCount: count,
  }),
  'A task in the form of gokube.',
)

export const gokubeStatsForm: z.ZodType<GokubeStats> = named(
  'GokubeStats',
  z.strictObject({
    MemStats: z.strictObject({ mem_total: count, mem_available: count, mem_free: count }),
    DiskStats: z.strictObject({ all: count, used: count, free: count }),
    CpuStats: z.strictObject({ id: text, user: count, idle: count }),
    LoadStats: z.strictObject({ last1min: z.number(), last5min: z.number(), last15min: z.number() }),
    TaskCount: count,
  }),
  'What a node measures of itself, in the form of gokube.',
)

export const gokubeError = named(
  'GokubeError',
  z.strictObject({ HttpStatusCode: z.int(), Message: text }),
  'Every failure of the routes that are there for clients of gokube.',
)
