import * as z from 'zod'
import { PROTOCOLS } from '../model/service.ts'
import {
  commandForm,
  cpusForm,
  durationForm,
  key,
  required,
  scalar,
  sizeForm,
  wholeNumber,
  words,
} from './schema-key.ts'

const portObject = z.strictObject({
  host_port: key(wholeNumber(0, 65_535), 'Port on the node; 0 for a free one.', { absent: '0' }),
  container_port: required(wholeNumber(1, 65_535), 'Port that the program listens on.'),
  protocol: key(z.enum(PROTOCOLS), 'Transport protocol.', { absent: 'tcp' }),
})
export const portKeys = portObject

/** `8080:80`, `80/udp`, 80, objects; or a mapping host port: container port. */
export const portsForm = z.union([
  z.array(z.union([portObject, z.int().min(1).max(65_535), z.string().min(1)])),
  z.record(z.string(), z.union([wholeNumber(1, 65_535), z.string().min(1)])),
])
export type PortsForm = z.infer<typeof portsForm>

const volumeObject = z.strictObject({
  source: required(z.string().min(1), 'Absolute path on the node, or the name of a volume.'),
  target: required(z.string().min(1), 'Absolute path in the container.'),
  read_only: key(z.boolean(), 'Whether the task may only read it.', { absent: 'false' }),
})
export const volumeKeys = volumeObject

/** `/host:/container[:ro]`, `name:/container[:ro]`, objects; or a mapping source: target[:ro]. */
export const volumesForm = z.union([
  z.array(z.union([volumeObject, z.string().min(1)])),
  z.record(z.string(), z.string().min(1)),
])
export type VolumesForm = z.infer<typeof volumesForm>

export const resourcesForm = z.strictObject({
  cpu_millicores: key(wholeNumber(5, 1_024_000), 'Processor time in thousandths of a core, at least 5.', {
    absent: 'required',
  }),
  cpu: key(cpusForm, 'The same in cores (`"0.5"`).', { spelling: 'old form of `cpu_millicores`' }),
  memory_bytes: key(wholeNumber(16_777_216, Number.MAX_SAFE_INTEGER), 'Memory in bytes, at least 16777216.', {
    absent: 'required',
  }),
  memory: key(sizeForm, 'The same with a unit (`256m`).', { spelling: 'old form of `memory_bytes`' }),
  disk_bytes: key(wholeNumber(0, Number.MAX_SAFE_INTEGER), 'Disk space in bytes; set aside, not enforced.', {
    absent: '0',
  }),
  disk: key(sizeForm, 'The same with a unit (`10g`).', { spelling: 'another form of `disk_bytes`' }),
})
export type ResourcesForm = z.infer<typeof resourcesForm>

const HEALTH_TYPES = ['http', 'tcp', 'command'] as const

export const healthForm = z.strictObject({
  type: key(z.enum(HEALTH_TYPES), 'How to ask.', { absent: 'what the other keys need' }),
  http_path: key(z.string().regex(/^\//), 'Path of an http check; an answer below 400 is healthy.', {
    absent: 'required for http',
  }),
  port: key(wholeNumber(1, 65_535), 'Container port of an http or tcp check.', { absent: 'the only declared port' }),
  command: key(commandForm, 'Run in the task; exit status 0 is healthy.', { absent: 'required for command' }),
  interval: key(durationForm, 'Time between checks, at least 100ms.', { absent: '10 s' }),
  interval_seconds: key(z.number(), 'The same in seconds.', { spelling: 'old form of `interval`' }),
  timeout: key(durationForm, 'Time for one check; 0: the interval.', { absent: '3 s' }),
  timeout_seconds: key(z.number(), 'The same in seconds.', { spelling: 'old form of `timeout`' }),
  retries: key(wholeNumber(0, 1000), 'Failures in a row that make a task unhealthy; 0 counts as 1.', { absent: '3' }),
  start_period: key(durationForm, 'Time after a start in which failures do not count.', { absent: '0 s' }),
})
export type HealthForm = z.infer<typeof healthForm>

export const scaleForm = z.strictObject({
  min_replicas: key(wholeNumber(1, 10_000), 'Never fewer.', { absent: '1' }),
  max_replicas: key(wholeNumber(1, 10_000), 'Never more.', { absent: '`replicas`' }),
  target_cpu: key(z.number().min(5), 'Wanted use of the reserved processor time, in percent.'),
  target_memory: key(z.number().min(10), 'Wanted use of the reserved memory, in percent.'),
  cooldown_seconds: key(wholeNumber(30, 86_400), 'Pause between two changes.', { absent: '60' }),
})
export type ScaleForm = z.infer<typeof scaleForm>

const UPDATE_ORDERS = ['start-first', 'stop-first'] as const

export const updateForm = z.strictObject({
  order: key(z.enum(UPDATE_ORDERS), 'Whether the new task of a slot starts before or after the old one stops.', {
    absent: 'stop-first where two tasks of a slot would be in each other’s way, else start-first',
  }),
  parallelism: key(wholeNumber(1, 10_000), 'How many slots may be on their way at once.', { absent: '1' }),
})

export const LOG_DRIVERS = [
  'none',
  'json-file',
  'syslog',
  'journald',
  'gelf',
  'fluentd',
  'awslogs',
  'splunk',
  'etwlogs',
  'gcplogs',
  'logentries',
] as const

export const loggingForm = z.strictObject({
  driver: required(z.enum(LOG_DRIVERS), 'Log driver of the engine.'),
  options: key(z.record(z.string(), scalar), 'Options of the driver.', { absent: '{}' }),
})

export const capabilitiesForm = z.strictObject({
  add: key(words, 'Linux capabilities to add, without `CAP_`, or `ALL`.', { absent: '[]' }),
  drop: key(words, 'Linux capabilities to take away, without `CAP_`, or `ALL`.', { absent: '[]' }),
})

const ulimitObject = z.strictObject({
  soft: required(wholeNumber(-1, Number.MAX_SAFE_INTEGER), 'Soft limit; -1: unlimited.'),
  hard: required(wholeNumber(-1, Number.MAX_SAFE_INTEGER), 'Hard limit; -1: unlimited.'),
})
export const ulimitKeys = ulimitObject
export const ulimitsForm = z.record(
  z.string(),
  z.union([ulimitObject, wholeNumber(-1, Number.MAX_SAFE_INTEGER), z.string()]),
)

const dependencyObject = z.strictObject({
  env: key(z.string().min(1), 'Variable that receives the address name of the service.', {
    absent: 'start order only',
  }),
})
export const dependencyKeys = dependencyObject
export const dependenciesForm = z.union([z.array(z.string().min(1)), z.record(z.string(), dependencyObject.nullable())])
