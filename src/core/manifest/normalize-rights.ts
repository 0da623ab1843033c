import type { Ulimit } from '../model/service.ts'
import { type Fields, partPath, type Source, sources } from './fields.ts'
import type { Report } from './report.ts'
import type { ServiceForm } from './schema-service.ts'
import { nearest } from './suggest.ts'

/** Linux capabilities without `CAP_`, and ALL. */
const CAPABILITIES = (
  'ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH ' +
  'FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT ' +
  'SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM'
).split(' ')

/** Capabilities to add or to take away, in capitals and without `CAP_`. */
export function normalizeCapabilities(fields: Fields, list: 'add' | 'drop'): readonly string[] {
  return sources(fields, 'capabilities').flatMap((source) =>
    (source.value[list] ?? []).flatMap((text, i) => {
      const name = text.toUpperCase().replace(/^CAP_/, '')
      if (CAPABILITIES.includes(name)) return [name]
      const meant = nearest(name, CAPABILITIES)
      const hint = meant === null ? `one of ${CAPABILITIES.join(', ')}` : `did you mean ${meant}?`
      const path = source.whole ? source.path : [...source.path, list, i]
      fields.report.problem(path, `"${text}" is not a Linux capability`, hint)
      return []
    }),
  )
}

const ULIMITS =
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' ')

export function normalizeUlimits(fields: Fields): readonly Ulimit[] {
  return sources(fields, 'ulimits').flatMap((source) =>
    Object.entries(source.value).flatMap(([name, form]) => {
      const path = partPath(source, name)
      const ulimit = readUlimit(name, form)
      if (ulimit === null) fields.report.problem(path, `"${form}" is not a limit`, 'write a number, or soft:hard')
      else if (!ULIMITS.includes(name))
        fields.report.problem(path, `unknown limit ${name}`, `one of ${ULIMITS.join(', ')}`, 'key')
      else if (ulimit.soft > ulimit.hard && ulimit.hard !== -1)
        fields.report.problem(path, 'the soft limit is above the hard one')
      else return [ulimit]
      return []
    }),
  )
}

function readUlimit(name: string, form: NonNullable<ServiceForm['ulimits']>[string]): Ulimit | null {
  if (typeof form === 'number') return { name, soft: form, hard: form }
  if (typeof form !== 'string') return { name, soft: form.soft, hard: form.hard }
  const [, soft, hard = soft] = /^(-1|\d+)(?::(-1|\d+))?$/.exec(form.trim()) ?? []
  return soft === undefined ? null : { name, soft: Number(soft), hard: Number(hard) }
}

/** `host:container[:permissions]`, in full. */
export function normalizeDevices(fields: Fields): readonly string[] {
  return sources(fields, 'devices').flatMap((source) =>
    source.value.flatMap((text, i) => {
      const [host = '', container = host, permissions = 'rwm', ...more] = text.split(':')
      const right =
        host.startsWith('/') && container.startsWith('/') && /^[rwm]{1,3}$/.test(permissions) && more.length === 0
      if (right) return [`${host}:${container}:${permissions}`]
      fields.report.problem(
        partPath(source, i),
        `"${text}" is not a device`,
        'write /dev/x, /dev/x:/dev/y or /dev/x:/dev/y:r',
      )
      return []
    }),
  )
}

/** path → mount options */
export function normalizeTmpfs(fields: Fields): Readonly<Record<string, string>> {
  const tmpfs: Record<string, string> = {}
  for (const source of sources(fields, 'tmpfs')) {
    const entries =
      typeof source.value === 'string' || Array.isArray(source.value)
        ? [source.value].flat().map(splitTmpfs)
        : Object.entries(source.value)
    for (const [i, [target, options]] of entries.entries()) {
      if (target.startsWith('/') && target !== '/') tmpfs[target] = options
      else tell(source, i, target, fields.report)
    }
  }
  return tmpfs
}

function splitTmpfs(text: string): [string, string] {
  const colon = text.indexOf(':')
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
}

function tell(source: Source<unknown>, i: number, target: string, report: Report): void {
  report.problem(
    partPath(source, Array.isArray(source.value) ? i : target),
    `"${target}" is not an absolute path below /`,
    'write one such as /run',
  )
}
