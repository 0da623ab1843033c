import { readFileSync, statSync } from 'node:fs'
import { OperationalError } from '../core/errors.ts'

/**
 * The process that holds a lock on the file, as far as the kernel tells; null: none, or not known here.
 *
 * It is asked before the file is opened in any other way: closing any descriptor of a file drops all locks that this
 * very process has on it, so a second look from inside the process that uses the state would unlock it.
 */
export function lockHolder(path: string): number | null {
  const { dev, ino } = statSync(path, { bigint: true })
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)
  const hex = (number: bigint): string => number.toString(16).padStart(2, '0')
  const file = `${hex(major)}:${hex(minor)}:${ino}`
  for (const line of kernelLocks().split('\n')) {
    // 1: POSIX  ADVISORY  WRITE 4711 fe:00:131 1073741824 1073742335
    const fields = line.trim().split(/\s+/)
    if (fields[5] === file && fields[1] === 'POSIX') return Number(fields[4])
  }
  return null
}

/** The refusal to share a data directory. */
export function inUse(path: string, pid: number | null): OperationalError {
  const who = pid === null || pid <= 0 ? 'another gantry' : `another gantry (process ${pid})`
  return new OperationalError('PREREQUISITE', `cannot open ${path}: ${who} uses this data directory`, {
    hint: 'stop it, or give this one a data directory of its own (GANTRY_DATA)',
  })
}

function kernelLocks(): string {
  try {
    return readFileSync('/proc/locks', 'utf8')
  } catch {
    // Not Linux, or hidden from us: then SQLite itself finds the lock, only without a name.
    return ''
  }
}
