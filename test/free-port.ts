import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports of tasks and those that the kernel gives to connections; each worker of a run has a stretch of its own. */
const FIRST = 10_000
const EACH = 400
const WORKERS = 25

const start = FIRST + (Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS) * EACH
// Where a worker follows another in the same stretch, what that one left behind may still hold its ports.
let next = process.pid % EACH

/** A port of this machine that nobody listens on now, and that no test which runs at the same time is given. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < EACH; tries += 1) {
    const port = start + next
    next = (next + 1) % EACH
    if (await isFree(port)) return port
  }
  throw new Error(`no port from ${start} to ${start + EACH - 1} is free`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const free = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  server.close()
  return free
}
