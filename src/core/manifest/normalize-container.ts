import type { ContainerSpec, Limits, Mount, Port } from '../model/service.ts'
import { type Fields, namedPairs, partPath, single, sources, textOf, valueOr } from './fields.ts'
import { parseImageRef } from './image-ref.ts'
import { argvOf } from './normalize-health.ts'
import { normalizeDns, normalizeExtraHosts, normalizeNetwork } from './normalize-network.ts'
import { normalizeCapabilities, normalizeDevices, normalizeTmpfs, normalizeUlimits } from './normalize-rights.ts'
import { signalName } from './signals.ts'
import { DURATION_FORM, parseDuration } from './units.ts'

const STOP_GRACE_MS = 30_000

/** What is decided outside: it depends on how the service is placed. */
interface Decided {
  readonly ports: readonly Port[]
  readonly mounts: readonly Mount[]
  readonly limits: Limits
  readonly init: boolean
}

/** Everything that a container is made from, with every default filled in. */
export function normalizeContainer(fields: Fields, decided: Decided): ContainerSpec {
  return {
    image: readImage(fields),
    entrypoint: readArgv(fields, 'entrypoint'),
    command: readArgv(fields, 'command'),
    env: readEnv(fields),
    ...decided,
    ...normalizeNetwork(fields, decided.ports),
    dns: normalizeDns(fields),
    extraHosts: normalizeExtraHosts(fields),
    hostname: readHostname(fields),
    user: readUser(fields),
    workingDir: readWorkingDir(fields),
    labels: readLabels(fields),
    capAdd: normalizeCapabilities(fields, 'add'),
    capDrop: normalizeCapabilities(fields, 'drop'),
    privileged: valueOr(fields, false, 'privileged'),
    readOnly: valueOr(fields, false, 'read_only'),
    tmpfs: normalizeTmpfs(fields),
    ulimits: normalizeUlimits(fields),
    devices: normalizeDevices(fields),
    logging: readLogging(fields),
    stopSignal: readStopSignal(fields),
    stopGraceMs: readStopGrace(fields),
  }
}

function readImage(fields: Fields): string | null {
  const image = single(fields, 'image')
  if (image === null) return null
  const parsed = parseImageRef(image.value)
  if (typeof parsed === 'string')
    fields.report.problem(
      image.path,
      `"${image.value}" is not an image: ${parsed}`,
      'write name:tag or registry/name:tag',
    )
  return image.value
}

function readArgv(fields: Fields, key: 'entrypoint' | 'command'): readonly string[] | null {
  const source = single(fields, key)
  return source === null ? null : argvOf(source.value, source.path, fields.report)
}

function readEnv(fields: Fields): Readonly<Record<string, string>> {
  const env: Record<string, string> = {}
  for (const source of sources(fields, 'env', 'environment')) {
    for (const { name, value, path } of namedPairs(source, fields.report)) {
      if (name === '' || /[=\0]/.test(name))
        fields.report.problem(path, `"${name}" cannot be the name of a variable`, 'no = and no NUL', 'key')
      else if (value.includes('\0')) fields.report.problem(path, 'contains a NUL character', 'no variable can')
      else env[name] = value
    }
  }
  return env
}

function readLabels(fields: Fields): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  for (const source of sources(fields, 'labels')) {
    for (const { name, value, path } of namedPairs(source, fields.report)) {
      if (name.startsWith('gantry.'))
        fields.report.problem(
          path,
          'labels that begin with gantry. are for Gantry itself',
          'choose another prefix',
          'key',
        )
      else labels[name] = value
    }
  }
  return labels
}

function readHostname(fields: Fields): string | null {
  const hostname = single(fields, 'hostname')
  if (hostname === null) return null
  const right =
    hostname.value.length <= 253 &&
    /^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*$/.test(hostname.value)
  if (!right)
    fields.report.problem(
      hostname.path,
      `"${hostname.value}" is not a host name`,
      'letters, digits and -, with dots between',
    )
  return hostname.value
}

function readUser(fields: Fields): string | null {
  const user = single(fields, 'user')
  if (user === null) return null
  const text = textOf(user.value, user.path, fields.report)
  if (!/^[A-Za-z0-9_][\w.-]*(:[A-Za-z0-9_][\w.-]*)?$/.test(text))
    fields.report.problem(user.path, `"${text}" is not a user`, 'write user, user:group, or numbers')
  return text
}

function readWorkingDir(fields: Fields): string | null {
  const dir = single(fields, 'working_dir')
  if (dir !== null && !dir.value.startsWith('/'))
    fields.report.problem(dir.path, `"${dir.value}" is not an absolute path`, 'begin with /')
  return dir?.value ?? null
}

function readLogging(fields: Fields): ContainerSpec['logging'] {
  const source = single(fields, 'logging')
  if (source === null) return null
  const entries = Object.entries(source.value.options ?? {})
  const options = entries.map(
    ([name, value]) => [name, textOf(value, [...partPath(source, 'options'), name], fields.report)] as const,
  )
  return { driver: source.value.driver, options: Object.fromEntries(options) }
}

function readStopSignal(fields: Fields): string | null {
  const signal = single(fields, 'stop_signal')
  if (signal === null) return null
  const name = signalName(signal.value)
  if (name === null)
    fields.report.problem(signal.path, `"${signal.value}" is not a signal`, 'write one such as SIGTERM or SIGINT')
  return name
}

function readStopGrace(fields: Fields): number {
  const grace = single(fields, 'stop_grace_period', 'stop_grace')
  if (grace === null) return STOP_GRACE_MS
  const millis = parseDuration(grace.value)
  if (millis === null) fields.report.problem(grace.path, `"${grace.value}" is not a duration`, `write ${DURATION_FORM}`)
  return millis ?? STOP_GRACE_MS
}
