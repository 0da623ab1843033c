import * as z from 'zod'
import { RESTART_POLICIES, SERVICE_MODES } from '../model/service.ts'
import { commandForm, durationForm, key, namedValues, type scalar, wholeNumber, words } from './schema-key.ts'
import { limitsForm } from './schema-limits.ts'
import {
  capabilitiesForm,
  dependenciesForm,
  healthForm,
  loggingForm,
  portsForm,
  resourcesForm,
  scaleForm,
  ulimitsForm,
  updateForm,
  volumesForm,
} from './schema-parts.ts'

const wordOrWords = z.union([z.string().min(1), words])
const NETWORK_MODES = ['bridge', 'host', 'none'] as const

const what = {
  service_name: key(z.string(), 'Unique name: letters, digits, `-` and `_`, at most 63.', {
    absent: 'required in a list',
  }),
  name: key(z.string(), 'The same.', { spelling: 'another spelling of `service_name`' }),
  image: key(z.string().min(1), 'Image reference. Without one the service runs as a process.'),
  command: key(commandForm, 'Replaces the command of the image; for a process, what runs.', { absent: 'the image’s' }),
  entrypoint: key(commandForm, 'Replaces the entrypoint of the image.', { absent: 'the image’s' }),
  env: key(namedValues, 'Variables: a mapping, or a list of `NAME=value`.', { absent: '{}' }),
  environment: key(namedValues, 'The same.', { spelling: 'Clusterlite’s `env`' }),
  working_dir: key(z.string().min(1), 'Directory in which the program starts.', { absent: 'the image’s' }),
  user: key(z.union([z.string().min(1), z.int().min(0)]), 'User, and group after a colon.', { absent: 'the image’s' }),
  hostname: key(z.string().min(1), 'Host name in the container.', { absent: 'given by the runtime' }),
  labels: key(namedValues, 'Labels of the container: a mapping, or a list of `name=value`.', { absent: '{}' }),
  init: key(z.boolean(), 'An init process that forwards signals and reaps.', {
    absent: 'true by placement, else false',
  }),
  stop_signal: key(z.string().min(1), 'Signal that asks the program to end.', { absent: 'the image’s, or SIGTERM' }),
  stop_grace_period: key(durationForm, 'Time between that signal and the kill.', { absent: '30 s' }),
  stop_grace: key(durationForm, 'The same.', { spelling: 'another spelling of `stop_grace_period`' }),
}

const where = {
  mode: key(
    z.enum(SERVICE_MODES),
    '`replicated`: n tasks; `global`: one per matching node; `job`: runs to completion.',
    {
      absent: 'global when a placement names it and nothing says how many, else replicated',
    },
  ),
  replicas: key(wholeNumber(0, 10_000), 'Number of tasks; 0 pauses.', { absent: 'required in a list, else 1' }),
  placement: key(z.string().min(1), 'The node role it runs on.', { absent: 'any node' }),
  placements: key(words, 'The node roles it runs on.', { absent: 'any node' }),
  resources: key(resourcesForm, 'Set aside on the node, and the limit.', { absent: 'nothing set aside, no limit' }),
  limits: key(limitsForm, 'Enforced by the kernel; overrides `resources`.', { absent: '`resources`' }),
  restart_policy: key(z.enum(RESTART_POLICIES), 'When the program ends by itself.', {
    absent: '`no` in a list and for a job, else `always`',
  }),
  scale_policy: key(scaleForm, 'How many replicas, by load.'),
  update_policy: key(updateForm, 'How a new spec replaces an old one.'),
  dependencies: key(dependenciesForm, 'Services that start first: a list, or a mapping to `{env: NAME}` or nothing.', {
    absent: '[]',
  }),
  exclusive: key(z.boolean(), 'Never two tasks of a slot at once, even if a node is unreachable.', { absent: 'false' }),
  lease: key(
    durationForm,
    'With `exclusive`: the task runs only while its node has heard from the leader within this time, 10s to 10m, and is replaced elsewhere when its node has been silent for longer.',
    { absent: 'none: it waits for its node, or for `node fence`' },
  ),
}

const network = {
  ports: key(
    portsForm,
    'Published ports: objects, `host:container[/protocol]`, a container port; or a mapping host: container.',
    {
      absent: '[]',
    },
  ),
  network: key(z.string().min(1), 'Named network of the engine, made when missing.', { absent: 'the engine’s' }),
  network_mode: key(z.enum(NETWORK_MODES), 'Own network, the node’s, or none.', { absent: 'bridge' }),
  dns: key(wordOrWords, 'Addresses of DNS servers.', { absent: 'the engine’s' }),
  extra_hosts: key(
    z.union([words, z.record(z.string(), z.string())]),
    'Entries `name:ip`; the ip may be `host-gateway`.',
    {
      absent: '[]',
    },
  ),
}

const storage = {
  volumes: key(
    volumesForm,
    'Mounts: `/host:/container[:ro]`, `name:/container[:ro]`, objects; or a mapping source: target.',
    {
      absent: '[]',
    },
  ),
  stateless: key(z.boolean(), '`false` mounts the service’s own directory on the node at `/data`.', {
    absent: 'false by placement, else true',
  }),
  tmpfs: key(z.union([wordOrWords, z.record(z.string(), z.string())]), 'Paths in memory, `path[:options]`.', {
    absent: '[]',
  }),
  files: key(z.record(z.string(), z.string().min(1)), 'Uploaded file: path in the container, relative to `/data`.', {
    absent: '{}',
  }),
  read_only: key(z.boolean(), 'Whether the container’s own files cannot be written.', { absent: 'false' }),
}

const rights = {
  capabilities: key(capabilitiesForm, 'Linux capabilities.'),
  privileged: key(z.boolean(), 'All rights of the node.', { absent: 'false' }),
  devices: key(words, 'Devices, `host[:container[:permissions]]`.', { absent: '[]' }),
  ulimits: key(ulimitsForm, 'Limits of the process: a number, `soft:hard`, or an object.', { absent: '{}' }),
}

const watch = {
  health_check: key(
    z.union([healthForm, z.string().min(1)]),
    'Whether a task serves: an object, or the path of an http check.',
  ),
  probe: key(commandForm, 'A health check by command; a text is run by a shell.', {
    spelling: 'Clusterlite’s `health_check`',
  }),
  repair: key(commandForm, 'Run in an unhealthy task before it is restarted; a text is run by a shell.'),
  inspect: key(commandForm, 'Run in its tasks by `gantry inspect`; a text is run by a shell.'),
  logging: key(loggingForm, 'Where the engine sends output.', { absent: 'kept by the runtime' }),
  options: key(z.string(), 'Options of `docker run`, each taken for the key that it stands for.', { absent: '""' }),
}

export const SERVICE_GROUPS = { what, where, network, storage, rights, watch }

/** A service as people write it, in every accepted form. */
export const serviceForm = z.strictObject({ ...what, ...where, ...network, ...storage, ...rights, ...watch })
export type ServiceForm = z.infer<typeof serviceForm>

/** Values that stand where a number or truth value may be taken for text. */
export type Scalar = z.infer<typeof scalar>
