import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Millis } from '../../core/model/ids.ts'
import { errorCode, isDiskFull } from '../durable-text.ts'
import type { ProcessIdentity } from './proc.ts'

/** One start of a task's program, as its shim recorded it. */
export interface Run {
  /** From 1; grows with each start. */
  readonly number: number
  readonly program: ProcessIdentity
  readonly shim: ProcessIdentity
  readonly bootId: string
  readonly startedAt: Millis
}

/** How a run ended: found out once, after its last process was gone. */
export interface Closure {
  readonly run: number
  /** null: nobody saw the end. */
  readonly exitCode: number | null
  readonly outOfMemory: boolean
  readonly message: string
  readonly finishedAt: Millis
}

/** The last run; null when there was none, or its record is damaged. */
export async function readRun(stateDir: string): Promise<Run | null> {
  const file = await readDated(join(stateDir, 'started'))
  const match = /^(\d+) (\d+) (\d+) (\d+) (\d+) (\S+)\n$/.exec(file?.text ?? '')
  if (file === null || match === null) return null
  const [number = 0, pid = 0, startTicks = 0, shimPid = 0, shimStartTicks = 0] = match.slice(1, 6).map(Number)
  return {
    number,
    program: { pid, startTicks },
    shim: { pid: shimPid, startTicks: shimStartTicks },
    bootId: match[6] ?? '',
    startedAt: file.at,
  }
}

/** The shim that was started last, whether or not it has come to start its program; null when there was none. */
export async function readShim(
  stateDir: string,
): Promise<{ run: number; shim: ProcessIdentity; bootId: string } | null> {
  const file = await readDated(join(stateDir, 'shim'))
  const match = /^(\d+) (\d+) (\d+) (\S+)\n$/.exec(file?.text ?? '')
  if (match === null) return null
  const [run = 0, pid = 0, startTicks = 0] = match.slice(1, 4).map(Number)
  return { run, shim: { pid, startTicks }, bootId: match[4] ?? '' }
}

/** What the shim wrote at the end of that run; null when it did not. */
export async function readExit(stateDir: string, run: number): Promise<{ exitCode: number; at: Millis } | null> {
  const file = await readDated(join(stateDir, 'exit'))
  const match = /^(\d+) (\d+)\n$/.exec(file?.text ?? '')
  if (file === null || match === null || Number(match[1]) !== run) return null
  return { exitCode: Number(match[2]), at: file.at }
}

/** Why the shim could not run the program; empty when it could. */
export async function readRefusal(stateDir: string): Promise<string> {
  return (await readDated(join(stateDir, 'refusal')))?.text.trim() ?? ''
}

export async function readClosure(stateDir: string, run: number): Promise<Closure | null> {
  const file = await readDated(join(stateDir, 'closed'))
  try {
    const closure = JSON.parse(file?.text ?? 'null') as Closure | null
    return closure?.run === run ? closure : null
  } catch (error) {
    // Cut off by a loss of power: it is found out again.
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Not synced, and left out where the disk is full: it is found out again. */
export async function writeClosure(stateDir: string, closure: Closure): Promise<void> {
  const path = join(stateDir, 'closed')
  try {
    await writeFile(`${path}.tmp`, JSON.stringify(closure), { mode: 0o600 })
    await rename(`${path}.tmp`, path)
  } catch (error) {
    if (!isDiskFull(error)) throw error
  }
}

async function readDated(path: string): Promise<{ text: string; at: Millis } | null> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)])
    return { text, at: Math.floor(mtimeMs) }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}
