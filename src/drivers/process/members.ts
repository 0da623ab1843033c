import type { Millis } from '../../core/model/ids.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import { errorCode } from '../durable-text.ts'
import { type ProcessIdentity, sessionMembers } from './proc.ts'
import type { TaskCgroup } from './task-cgroup.ts'

export const KILL = 9
// The kernel ends a killed process within milliseconds unless it hangs in a device.
const LOOK_AGAIN_MS: Millis = 2
const GIVE_UP_AFTER_MS: Millis = 10_000

/**
 * Processes that a task's program left or leads: all of its control group, where it has one, else of its session.
 * Without a control group a process that makes a session of its own gets away.
 */
export function membersOf(cgroup: TaskCgroup | null, program: ProcessIdentity): number[] {
  return cgroup?.members() ?? sessionMembers(program).map(({ pid }) => pid)
}

/** Kills them, and those that they start meanwhile, until none is left. False: some do not die. */
export async function killMembers(clock: Clock, members: () => readonly number[]): Promise<boolean> {
  const giveUpAt = clock.now() + GIVE_UP_AFTER_MS
  for (let left = members(); left.length > 0; left = members()) {
    if (clock.now() >= giveUpAt) return false
    for (const pid of left) sendSignal(pid, KILL)
    await sleep(clock, LOOK_AGAIN_MS)
  }
  return true
}

/** Negative pid: its process group. False: there is no such process any more. */
export function sendSignal(pid: number, signal: number): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false
    throw error
  }
}
