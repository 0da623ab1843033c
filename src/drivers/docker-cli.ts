import { type ChildProcess, spawn } from 'node:child_process'
import { constants, homedir } from 'node:os'
import { OperationalError } from '../core/errors.ts'
import type { DockerRequest } from '../ports/host.ts'
import type { ExecSession } from '../ports/runtime.ts'
import { execSession } from './process/exec-session.ts'
import { sendSignal } from './process/members.ts'

/** More at once would be somebody's loop. */
const MOST_AT_ONCE = 16
/** A command that was told to end has so long to do it. */
const END_WITHIN_MS = 5_000

/** Runs the `docker` program of this machine for its engine at `dockerHost`; null: no engine is used here. */
export function dockerCli(dockerHost: string | null): (request: DockerRequest) => Promise<ExecSession> {
  let running = 0
  return async ({ argv, timeoutMs }) => {
    if (dockerHost === null) {
      throw new OperationalError('PREREQUISITE', 'this node does not run Docker for the cluster', {
        hint: 'start its agent with --runtime docker',
      })
    }
    if (running >= MOST_AT_ONCE)
      throw new OperationalError('UNAVAILABLE', `${MOST_AT_ONCE} commands of Docker run on this node already`)
    const { PATH = '/usr/local/bin:/usr/bin:/bin' } = process.env
    const env = { PATH, HOME: homedir(), DOCKER_HOST: dockerHost }
    // A group of its own, so that its plugins end with it.
    const child = spawn('docker', [...argv], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true, cwd: '/' })
    running += 1
    const session = execSession(child, () => undefined)
    const late = setTimeout(() => end(child), timeoutMs)
    child.once('close', () => {
      running -= 1
      clearTimeout(late)
    })
    child.once('error', () => clearTimeout(late))
    await started(child).catch((cause: NodeJS.ErrnoException) => {
      running -= 1
      throw cause.code === 'ENOENT'
        ? new OperationalError('PREREQUISITE', 'the program docker is not installed on this node', { cause })
        : new OperationalError('RUNTIME_REFUSED', `cannot run docker: ${cause.message}`, { cause })
    })
    return { ...session, abort: () => leave(session, child) }
  }
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve())
    child.once('error', reject)
  })
}

function leave(session: ExecSession, child: ChildProcess): void {
  session.abort()
  end(child)
}

/** Asks a program and all that it started to end, and makes it end. */
function end(child: ChildProcess): void {
  const { pid } = child
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  sendSignal(-pid, constants.signals.SIGTERM)
  const killer = setTimeout(() => sendSignal(-pid, constants.signals.SIGKILL), END_WITHIN_MS)
  child.once('close', () => clearTimeout(killer))
}
