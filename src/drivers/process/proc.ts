import { readdirSync, readFileSync } from 'node:fs'
import { errorCode } from '../durable-text.ts'

/** What the kernel says of one process. */
export interface ProcessStat {
  readonly pid: number
  /** One letter; Z and X have ended. */
  readonly state: string
  readonly session: number
  /** Hundredths of a second of CPU, its waited-for children included. */
  readonly cpuTicks: number
  /** Ticks since boot at its start; with the pid and the boot id it names a process for good. */
  readonly startTicks: number
}

/** A process as recorded when it started, so that another one with the same pid is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTicks: number
}

/** null when there is no such process. */
export function processStat(pid: number): ProcessStat | null {
  const text = readProc(`${pid}/stat`)
  return text === null ? null : parseStat(text)
}

/** Reads a line of /proc/<pid>/stat. The name stands in brackets and may itself hold any character. */
export function parseStat(text: string): ProcessStat {
  const pid = Number.parseInt(text, 10)
  // The first of these is field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const at = (field: number): number => Number(fields[field - 3] ?? 0)
  return {
    pid,
    state: fields[0] ?? 'X',
    session: at(6),
    cpuTicks: at(14) + at(15) + at(16) + at(17),
    startTicks: at(22),
  }
}

/** Whether that very process exists and has not ended. */
export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  const stat = processStat(pid)
  return stat !== null && stat.startTicks === startTicks && !hasEnded(stat)
}

/** Living processes of the session that this process leads or led, itself included. */
export function sessionMembers(leader: ProcessIdentity): ProcessStat[] {
  const first = processStat(leader.pid)
  // The kernel gives a number again only when no session bears it any more.
  if (first !== null && first.startTicks !== leader.startTicks) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processStat(Number(name)))
    .filter((stat) => stat !== null)
    .filter((stat) => stat.session === leader.pid && stat.startTicks >= leader.startTicks && !hasEnded(stat))
}

/** Memory that a process holds now, in bytes; 0 when it is gone. */
export function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(`${pid}/status`) ?? '')?.[1]
  return Number(kibibytes ?? 0) * 1024
}

/** The words that a process was executed with; none when it is gone. */
export function commandLine(pid: number): string[] {
  return (readProc(`${pid}/cmdline`) ?? '').split('\0').slice(0, -1)
}

/** Names the time since the machine started; changes with each start. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

function hasEnded({ state }: ProcessStat): boolean {
  return state === 'Z' || state === 'X'
}

/** A file of /proc, as of `12/stat`; null when the process or thread is gone, be it while it is read. */
export function readProc(path: string): string | null {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch (error) {
    // ESRCH: it ended between opening and reading.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return null
    throw error
  }
}
