const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?$/i
const SIZE_STEPS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

export const SIZE_FORM = 'a number of bytes, or a number with b, k, m, g or t, such as 512m'

/** Bytes of `512m`, `1.5g`, `64k`, `100b`, `1048576`, in powers of 1024 and any case; null when it is no size. */
export function parseSize(value: string | number): number | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : null
  const [, digits, step = ''] = SIZE.exec(value.trim()) ?? []
  if (digits === undefined) return null
  const bytes = Math.round(Number(digits) * (SIZE_STEPS[step.toLowerCase()] ?? 1))
  return Number.isSafeInteger(bytes) ? bytes : null
}

export const CPUS_FORM = 'a number of cores such as 0.5, or millicores such as 500m'

/** Millicores of `0.5`, 2 or `500m`; null when it is no amount of processors. */
export function parseCpus(value: string | number): number | null {
  const text = String(value).trim()
  if (/^\d+m$/.test(text)) return toCount(Number(text.slice(0, -1)))
  return /^\d+(\.\d+)?$|^\.\d+$/.test(text) ? toCount(Math.round(Number(text) * 1000)) : null
}

function toCount(millis: number): number | null {
  return Number.isSafeInteger(millis) ? millis : null
}

const DURATION_STEPS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

export const DURATION_FORM = 'a number of seconds, or a duration such as 500ms, 10s, 1m30s'

/** Milliseconds of `500ms`, `10s`, `1m30s`, `1.5h`, or of a plain number of seconds; null when it is no duration. */
export function parseDuration(value: string | number): number | null {
  const text = String(value).trim()
  if (/^\d+(\.\d+)?$/.test(text)) return toCount(Math.round(Number(text) * 1000))
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return null
  let total = 0
  for (const [, digits, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(digits) * (DURATION_STEPS[unit ?? ''] ?? 0)
  }
  return toCount(Math.round(total))
}

/** A size in the largest unit that keeps it short: `512 MiB`, `1.5 GiB`, `100 bytes`. */
export function formatBytes(bytes: number): string {
  for (const [unit, step] of [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= step) return `${Math.round((bytes / step) * 100) / 100} ${unit}`
  }
  return `${bytes} bytes`
}

/** A duration in the unit that keeps it short: `10 s`, `1.5 s`, `500 ms`. */
export function formatMillis(millis: number): string {
  return millis >= 1000 || millis === 0 ? `${millis / 1000} s` : `${millis} ms`
}
