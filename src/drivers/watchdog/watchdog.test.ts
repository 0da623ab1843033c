import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Watchdog } from '../../ports/watchdog.ts'
import { systemClock } from '../clock.ts'
import { processStat, sessionMembers } from '../process/proc.ts'
import { systemWatchdog } from './watchdog.ts'

const BOOT = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

let dataDir: string
let watchdog: Watchdog
const children: ChildProcess[] = []

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gantry-watchdog-'))
  watchdog = systemWatchdog({ dataDir, clock: systemClock() })
})
afterEach(() => {
  const pid = pidOfWatchdog()
  if (pid !== null) process.kill(pid, 'SIGKILL')
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(dataDir, { recursive: true, force: true })
})

test('kills a program with all of its session when its deadline has passed, and no other', async () => {
  const program = aProgram('sleep 1000 & sleep 1000; exit 0')
  const other = aProgram('exec sleep 1000')
  recordRun('db.1.1', program)
  const ended = once(program, 'exit')
  await watchdog.arm([{ kind: 'process', containerId: 'db.1.1', at: watchdog.uptime() }])
  await ended
  expect(program.signalCode).toBe('SIGKILL')
  await expect.poll(() => membersOf(program.pid ?? 0), { timeout: 10_000 }).toEqual([])
  expect(other.exitCode ?? other.signalCode).toBeNull()
}, 30_000)

test('on a full disk deadlines that are there are moved, and new ones are refused', async () => {
  const at = watchdog.uptime() + 600_000
  await watchdog.arm([{ kind: 'docker', containerId: 'db.1.1', at }])
  // Its length would show.
  const later = at + 1_000_000_000_000
  fillDisk()
  await watchdog.arm([{ kind: 'docker', containerId: 'db.1.1', at: later }])
  fillDisk()
  await expect(watchdog.arm([{ kind: 'docker', containerId: 'db.2.1', at }])).rejects.toMatchObject({
    code: 'STORE_FULL',
  })
  expect([...(await watchdog.armed())]).toEqual([['db.1.1', Math.floor(later / 1_000) * 1_000]])
})

test('forgets a deadline that has passed two minutes ago', async () => {
  const program = aProgram('exec sleep 1000')
  recordRun('db.1.1', program)
  const ended = once(program, 'exit')
  await watchdog.arm([{ kind: 'process', containerId: 'db.1.1', at: watchdog.uptime() - 130_000 }])
  await ended
  await expect.poll(async () => (await watchdog.armed()).size, { timeout: 10_000 }).toBe(0)
}, 30_000)

test('lets a program run whose deadline is moved, and goes on when the one who armed it is gone', async () => {
  const program = aProgram('exec sleep 1000')
  const later = aProgram('exec sleep 1000')
  recordRun('db.1.1', program)
  recordRun('db.2.1', later)
  // Deadlines are rounded down to seconds: time enough to move this one on a slow machine.
  const at = watchdog.uptime() + 4_000
  await watchdog.arm([{ kind: 'process', containerId: 'db.1.1', at }])
  const first = pidOfWatchdog()
  await watchdog.arm([
    { kind: 'process', containerId: 'db.1.1', at: at + 600_000 },
    { kind: 'process', containerId: 'db.2.1', at: at + 1_000 },
  ])
  expect(pidOfWatchdog()).toBe(first)
  expect(await systemWatchdog({ dataDir, clock: systemClock() }).armed()).toEqual(await watchdog.armed())
  // Whoever kills this one has looked at the other after its first deadline.
  await once(later, 'exit')
  expect(program.signalCode).toBeNull()
  expect(processStat(first ?? 0)?.session).toBe(first)
}, 30_000)

test('does not touch another program that has got the same number', async () => {
  const program = aProgram('exec sleep 1000')
  recordRun('db.1.1', program, 1)
  const killed = aProgram('exec sleep 1000')
  recordRun('db.2.1', killed)
  const at = watchdog.uptime()
  const ended = once(killed, 'exit')
  await watchdog.arm(['db.1.1', 'db.2.1'].map((containerId) => ({ kind: 'process', containerId, at })))
  await ended
  expect(program.signalCode).toBeNull()
}, 30_000)

test('is started again when it has died', async () => {
  const arm = (): Promise<void> =>
    watchdog.arm([{ kind: 'docker', containerId: 'none', at: watchdog.uptime() + 60_000 }])
  await arm()
  const first = pidOfWatchdog()
  process.kill(first ?? 0, 'SIGKILL')
  await expect.poll(() => processStat(first ?? 0)?.state ?? 'Z', { timeout: 10_000 }).toMatch(/[ZX]/)
  await arm()
  expect(pidOfWatchdog()).not.toBe(first)
}, 30_000)

/** In a session of its own, as tasks are. */
function aProgram(script: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' })
  children.push(child)
  return child
}

/** There is no room for another file. */
function fillDisk(): void {
  const directory = join(dataDir, 'watchdog', BOOT)
  for (const id of ['db.1.1', 'db.2.1']) {
    const name = createHash('sha256').update(id).digest('hex').slice(0, 32)
    rmSync(join(directory, `${name}.deadline.tmp`), { force: true })
    symlinkSync('/dev/full', join(directory, `${name}.deadline.tmp`))
  }
}

/** Writes what a shim writes. */
function recordRun(containerId: string, { pid = 0 }: ChildProcess, startTicks = processStat(pid)?.startTicks): void {
  const state = join(dataDir, 'processes', containerId, 'state')
  mkdirSync(state, { recursive: true })
  writeFileSync(join(state, 'started'), `1 ${pid} ${startTicks} 1 1 ${BOOT}\n`)
}

function membersOf(session: number): number[] {
  const first = { pid: session, startTicks: 0 }
  return sessionMembers(first).map(({ pid }) => pid)
}

function pidOfWatchdog(): number | null {
  try {
    return Number(readFileSync(join(dataDir, 'watchdog', BOOT, 'pid'), 'utf8').split(' ')[0])
  } catch {
    // It was never started.
    return null
  }
}
