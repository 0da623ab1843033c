import type { HealthCheck, Port } from '../model/service.ts'
import { type Fields, single, textOf } from './fields.ts'
import type { Path } from './path.ts'
import type { Report } from './report.ts'
import type { HealthForm } from './schema-parts.ts'
import type { Scalar } from './schema-service.ts'
import { splitWords } from './shell-words.ts'
import { DURATION_FORM, parseDuration } from './units.ts'

const DEFAULTS = { intervalMs: 10_000, timeoutMs: 3_000, retries: 3, startPeriodMs: 0 }
const MIN_INTERVAL_MS = 100

/** The health check from `health_check` in any form or from `probe`; null when there is none. */
export function normalizeHealth(fields: Fields, ports: readonly Port[]): HealthCheck | null {
  const { report } = fields
  // Ports with a problem are not among those declared, so nothing can be said of a check that rests on them.
  const known = report.hasProblem([...fields.path, 'ports']) ? null : ports
  const check = single(fields, 'health_check')
  const probe = single(fields, 'probe')
  if (check !== null && probe !== null) {
    report.problem(probe.path, 'probe and health_check are both there', 'keep one of them', 'key')
  }
  if (check === null) {
    return probe === null ? null : { kind: 'command', argv: shellArgv(probe.value, probe.path, report), ...DEFAULTS }
  }
  if (typeof check.value !== 'string') return fromObject(check.value, check.path, known, report)
  if (!check.value.startsWith('/')) {
    report.problem(
      check.path,
      `"${check.value}" is not a path`,
      'write a path such as /health, or a mapping with type, port and the rest',
    )
    return null
  }
  const port = onlyPort(known, check.path, report)
  return port === null ? null : { kind: 'http', path: check.value, port, ...DEFAULTS }
}

function fromObject(form: HealthForm, path: Path, ports: readonly Port[] | null, report: Report): HealthCheck | null {
  const timing = readTiming(form, path, report)
  switch (form.type ?? inferType(form)) {
    case 'http': {
      if (form.http_path === undefined)
        report.missing(path, 'http_path', 'an http check needs http_path', 'write http_path: /health')
      const port = form.port ?? onlyPort(ports, path, report)
      return port === null || form.http_path === undefined
        ? null
        : { kind: 'http', path: form.http_path, port, ...timing }
    }
    case 'tcp': {
      const port = form.port ?? onlyPort(ports, path, report)
      return port === null ? null : { kind: 'tcp', port, ...timing }
    }
    case 'command':
      if (form.command !== undefined)
        return { kind: 'command', argv: argvOf(form.command, [...path, 'command'], report), ...timing }
      report.missing(path, 'command', 'a command check needs command', 'write command: [program, argument]')
      return null
    default:
      report.missing(path, 'type', 'nothing says how to check', 'write type: http, tcp or command')
      return null
  }
}

function inferType(form: HealthForm): HealthForm['type'] {
  if (form.http_path !== undefined) return 'http'
  if (form.command !== undefined) return 'command'
  return form.port === undefined ? undefined : 'tcp'
}

/** The container port of a check that names none: that of the service if it declares exactly one. */
function onlyPort(ports: readonly Port[] | null, path: Path, report: Report): number | null {
  if (ports === null) return null
  const containers = [...new Set(ports.filter(({ protocol }) => protocol === 'tcp').map(({ container }) => container))]
  if (containers.length === 1) return containers[0] ?? null
  const which =
    containers.length === 0 ? 'the service declares no tcp port' : `the service has the ports ${containers.join(', ')}`
  report.missing(
    path,
    'port',
    `the check needs a port: ${which}`,
    'write port: and the port that the program listens on',
  )
  return null
}

function readTiming(form: HealthForm, path: Path, report: Report): typeof DEFAULTS {
  const intervalMs = time(form, 'interval', path, report) ?? DEFAULTS.intervalMs
  if (intervalMs < MIN_INTERVAL_MS) {
    report.problem(
      [...path, form.interval === undefined ? 'interval_seconds' : 'interval'],
      'must be at least 100ms',
      DURATION_FORM,
    )
  }
  const timeoutMs = time(form, 'timeout', path, report) ?? DEFAULTS.timeoutMs
  return {
    intervalMs,
    timeoutMs: timeoutMs === 0 ? intervalMs : timeoutMs,
    retries: Math.max(form.retries ?? DEFAULTS.retries, 1),
    startPeriodMs: time(form, 'start_period', path, report) ?? DEFAULTS.startPeriodMs,
  }
}

function time(
  form: HealthForm,
  name: 'interval' | 'timeout' | 'start_period',
  path: Path,
  report: Report,
): number | null {
  const old = name === 'start_period' ? undefined : (`${name}_seconds` as const)
  const oldValue = old === undefined ? undefined : form[old]
  const value = form[name] ?? oldValue
  if (value === undefined) return null
  const at = [...path, form[name] === undefined && old !== undefined ? old : name]
  if (form[name] !== undefined && oldValue !== undefined) {
    report.problem(
      [...path, `${name}_seconds`],
      `${name} and ${name}_seconds mean the same; both are there`,
      'keep one of them',
      'key',
    )
  } else if (oldValue !== undefined) report.note(at, `${name}_seconds is the old name of ${name}`)
  const millis = parseDuration(value)
  if (millis === null) report.problem(at, `"${value}" is not a duration`, `write ${DURATION_FORM}`)
  return millis
}

/** A program with arguments: a list is taken as it is, a text is split into words. */
export function argvOf(value: string | readonly Scalar[], path: Path, report: Report): readonly string[] {
  if (typeof value !== 'string')
    return value.map((item, i) => checkedText(textOf(item, [...path, i], report), [...path, i], report))
  const words = splitWords(checkedText(value, path, report))
  if (words === null) report.problem(path, 'a quote is not closed', 'close it, or write a list')
  else if (words.length === 0) report.problem(path, 'names no program', 'write a program and its arguments')
  return words ?? []
}

/** A program with arguments, where a text is run by a shell. */
export function shellArgv(value: string | readonly Scalar[], path: Path, report: Report): readonly string[] {
  return typeof value === 'string' ? ['/bin/sh', '-c', checkedText(value, path, report)] : argvOf(value, path, report)
}

function checkedText(text: string, path: Path, report: Report): string {
  if (text.includes('\0')) report.problem(path, 'contains a NUL character', 'no argument of a program can')
  return text
}
