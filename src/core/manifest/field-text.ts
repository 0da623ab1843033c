import { formatBytes, formatMillis } from './units.ts'

const SECRET_NAME =
  /pass(word|wd|phrase)?|pwd|secret|token|api_?key|private_?key|access_?key|credential|auth|dsn|_key$|^key$|cookie|session|salt|signature|cert/i

/** Whether a variable looks as if its value should not be shown. Rather too many than one too few. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

const MAX_TEXT = 200

/** A value of a spec as one short line for people. */
export function fieldText(field: string, value: unknown): string {
  const text = whole(field, value)
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text
}

function whole(field: string, value: unknown): string {
  if (value === null || value === undefined) return '(none)'
  if (typeof value === 'number') return numberText(field, value)
  if (typeof value === 'string') return value === '' ? '""' : withoutPassword(value)
  if (typeof value !== 'object') return String(value)
  if (!Array.isArray(value)) return recordText(value as Readonly<Record<string, unknown>>)
  const items = value.map((item) => ITEM[field]?.(item as never) ?? whole(field, item))
  return items.length === 0 ? '(none)' : items.join(field === 'command' || field === 'entrypoint' ? ' ' : ', ')
}

function numberText(field: string, value: number): string {
  if (field.endsWith('Bytes')) return value === -1 ? 'unlimited' : formatBytes(value)
  if (field.endsWith('Ms')) return formatMillis(value)
  return field === 'cpuMillis' ? `${value / 1000}` : field.endsWith('Percent') ? `${value}%` : String(value)
}

function recordText(record: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(record).filter(([, value]) => value !== null)
  if (entries.length === 0) return '(none)'
  return entries.map(([name, value]) => `${name} ${isSecretName(name) ? 'set' : whole(name, value)}`).join(', ')
}

/** `postgres://user:password@host` is often a value that no name gives away. */
function withoutPassword(text: string): string {
  return text.replaceAll(/(\w+:\/\/[^:@/\s]*):[^@/\s]+@/g, '$1:…@')
}

const ITEM: Readonly<Record<string, (item: never) => string>> = {
  ports: (port: { host: number | null; container: number; protocol: string }) =>
    `${port.host ?? 'any'}:${port.container}/${port.protocol}`,
  mounts: (mount: { kind: string; source?: string; target: string; readOnly?: boolean }) =>
    `${mount.source ?? '(own directory)'}:${mount.target}${mount.readOnly ? ':ro' : ''}`,
  dependencies: (dependency: { service: string; env: string | null }) =>
    dependency.env === null ? dependency.service : `${dependency.service} as ${dependency.env}`,
  ulimits: (ulimit: { name: string; soft: number; hard: number }) => `${ulimit.name}=${ulimit.soft}:${ulimit.hard}`,
}
