import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import type { Millis } from '../../core/model/ids.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import type { Deadline, Watchdog } from '../../ports/watchdog.ts'
import { errorCode, isDiskFull, notWritten } from '../durable-text.ts'
import { isAlive } from '../process/proc.ts'
import { installWatchdog } from './script.ts'

export interface WatchdogOptions {
  readonly dataDir: string
  readonly clock: Clock
}

const BEGINS_WITHIN_MS: Millis = 5_000
const LOOK_EVERY_MS: Millis = 20
/** Digits of the longest time since a boot. */
const LONGEST_TIME = 12

/** The watchdog of this machine's data directory. Its process is started with the first deadline and outlives this one. */
export function systemWatchdog({ dataDir, clock }: WatchdogOptions): Watchdog {
  const root = join(dataDir, 'watchdog')
  // What was told before the machine restarted says nothing of now.
  const directory = join(root, bootId())
  const arm = async (deadlines: readonly Deadline[]): Promise<void> => {
    try {
      await prepare(root, directory)
    } catch (error) {
      throw notWritten(directory, error)
    }
    for (const { kind, containerId, at } of deadlines) {
      const run = kind === 'process' ? ` ${join(dataDir, 'processes', containerId, 'state', 'started')}` : ''
      await writeDeadline(fileOf(directory, containerId), at, `${containerId}${run}`)
    }
    await ensureRuns(dataDir, directory, clock)
  }
  return { uptime: () => uptime() * 1_000, arm, armed: () => readDeadlines(directory) }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

function fileOf(directory: string, containerId: string): string {
  // An id may be longer than a file's name with its ending.
  return join(directory, `${createHash('sha256').update(containerId).digest('hex').slice(0, 32)}.deadline`)
}

/** Where the disk is full a deadline that is there is still moved: what has its place needs no more room. */
async function writeDeadline(path: string, at: Millis, what: string): Promise<void> {
  // Rounded down: rather a second too early. As long as any other, so that it fits over the one before.
  const text = `${String(Math.floor(at / 1_000)).padEnd(LONGEST_TIME)} ${what}\n`
  const temporary = `${path}.tmp`
  try {
    await writeFile(temporary, text, { mode: 0o600 })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    if (!isDiskFull(error) || (await readText(path))?.length !== text.length) throw notWritten(path, error)
    await writeFile(path, text, { flag: 'r+' })
  }
}

async function prepare(root: string, directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 })
  if (made === undefined) return
  for (const name of await readdir(root)) {
    if (join(root, name) !== directory) await rm(join(root, name), { recursive: true, force: true })
  }
}

async function readDeadlines(directory: string): Promise<ReadonlyMap<string, Millis>> {
  const found = new Map<string, Millis>()
  for (const name of await namesIn(directory)) {
    const text = name.endsWith('.deadline') ? await readText(join(directory, name)) : null
    const [at = '', id] = (text ?? '').trim().split(/ +/)
    if (id !== undefined) found.set(id, Number(at) * 1_000)
  }
  return found
}

async function ensureRuns(dataDir: string, directory: string, clock: Clock): Promise<void> {
  if (await isWatching(directory)) return
  const script = await installWatchdog(dataDir)
  const child = spawn('/bin/sh', [script, directory], { cwd: '/', env: {}, stdio: 'ignore', detached: true })
  child.on('error', () => undefined)
  child.unref()
  const giveUpAt = clock.now() + BEGINS_WITHIN_MS
  while (!(await isWatching(directory))) {
    if (clock.now() >= giveUpAt)
      throw new OperationalError('UNAVAILABLE', 'the watchdog of leased tasks does not start')
    await sleep(clock, LOOK_EVERY_MS)
  }
}

async function isWatching(directory: string): Promise<boolean> {
  const match = /^(\d+) (\d+) (\S+)\n$/.exec((await readText(join(directory, 'pid'))) ?? '')
  return match !== null && match[3] === bootId() && isAlive({ pid: Number(match[1]), startTicks: Number(match[2]) })
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  }
}
