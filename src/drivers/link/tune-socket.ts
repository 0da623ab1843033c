import type { Socket } from 'node:net'

const KEEP_ALIVE_AFTER_MS = 15_000

/** Small messages leave at once, and the kernel too finds out that the other machine is gone. */
export function tuneSocket(socket: Socket): void {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS)
}
