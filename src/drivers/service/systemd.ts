import { existsSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { replaceFile } from '../durable-text.ts'
import { runProgram } from './run-program.ts'

/** Where units stand that an administrator wrote. */
const UNITS = '/etc/systemd/system'
/** A unit that was started again so often does not come up. */
const MANY_STARTS = 3

/** Whether systemd runs this machine. */
export function systemdRuns(): boolean {
  return existsSync('/run/systemd/system')
}

/** Where the unit of that name stands. */
export function unitPath(name: string): string {
  return join(UNITS, name)
}

/** Writes a unit, and has it started now and at each boot. */
export async function startUnit(path: string, text: string): Promise<void> {
  await replaceFile(path, text)
  await chmod(path, 0o644)
  await runProgram('systemctl', ['daemon-reload'])
  await runProgram('systemctl', ['enable', '--now', basename(path)])
}

/** Why a unit does not come up, with the last it said; null: it runs, or may still. */
export async function unitFault(path: string): Promise<string | null> {
  const name = basename(path)
  const shown = await runProgram('systemctl', ['show', '--property=NRestarts,ActiveState', name])
  const restarts = Number(/^NRestarts=(\d+)$/m.exec(shown)?.[1] ?? 0)
  if (restarts < MANY_STARTS && !/^ActiveState=failed$/m.test(shown)) return null
  return (await runProgram('journalctl', ['--unit', name, '--lines', '5', '--output', 'cat', '--no-pager'])).trim()
}

/** Stops a unit, if it is there, and takes it away. What its processes have started goes on. */
export async function removeUnit(path: string): Promise<void> {
  if (!existsSync(path)) return
  if (systemdRuns()) await runProgram('systemctl', ['disable', '--now', basename(path)])
  await rm(path, { force: true })
  if (systemdRuns()) await runProgram('systemctl', ['daemon-reload'])
}
