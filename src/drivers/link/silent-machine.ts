import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Millis } from '../../core/model/ids.ts'
import type { Reach } from '../../ports/reach.ts'

const KNOCKS = 3
const ANSWERED_WITHIN_MS: Millis = 300
const PAUSE_MS: Millis = 50

/**
 * Whether the machine at the other end of a connection is gone, and not only slow: nobody takes three more connections to
 * the same port in a row, nor refuses them, and nothing has come over this one meanwhile. A kernel does both for a program
 * that stands still.
 */
export async function isMachineSilent(address: string, socket: Socket, reach: Pick<Reach, 'knock'>): Promise<boolean> {
  const before = socket.bytesRead
  for (let knock = 1; knock <= KNOCKS; knock++) {
    const answer = await reach.knock(address, ANSWERED_WITHIN_MS)
    if (answer !== 'silent' || socket.destroyed || socket.bytesRead !== before) return false
    if (knock < KNOCKS) await sleep(PAUSE_MS)
  }
  return true
}
