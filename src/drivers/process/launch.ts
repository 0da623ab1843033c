import { chown, mkdir } from 'node:fs/promises'
import { OperationalError } from '../../core/errors.ts'
import type { Ulimit } from '../../core/model/service.ts'
import type { HostTools } from './host-tools.ts'
import type { Program } from './program.ts'
import type { UserIds } from './user.ts'

/**
 * What must happen between the shim and a program, as words before its own: a session, resource limits (while we still
 * may raise them), and the user. Throws RUNTIME_REFUSED when a tool for it is missing.
 */
export function launchWords(tools: HostTools, ulimits: readonly Ulimit[], user: UserIds | null): string[] {
  const session = [...required(tools.setsid, 'setsid', 'a process'), '--']
  return [...session, ...ulimitWords(tools, ulimits), ...userWords(tools, user)]
}

/** The words that change the user; none for ours. */
export function userWords(tools: HostTools, user: UserIds | null): string[] {
  if (user === null || (user.uid === process.getuid?.() && user.gid === process.getgid?.())) return []
  if (process.getuid?.() !== 0) {
    throw new OperationalError('RUNTIME_REFUSED', `cannot run as user ${user.uid}: only root may change the user`)
  }
  const setpriv = required(tools.setpriv, 'setpriv', `user ${user.uid}`)
  return [...setpriv, `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--']
}

// What both an engine and prlimit call so.
const ULIMIT_NAMES =
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'

/** The words that set resource limits. Throws RUNTIME_REFUSED. */
export function ulimitWords(tools: HostTools, ulimits: readonly Ulimit[]): string[] {
  if (ulimits.length === 0) return []
  const unknown = ulimits.find(({ name }) => !ULIMIT_NAMES.split(' ').includes(name))
  if (unknown !== undefined) {
    const hint = `there are: ${ULIMIT_NAMES}`
    throw new OperationalError('RUNTIME_REFUSED', `there is no ulimit ${unknown.name}`, { hint })
  }
  const options = ulimits.map(({ name, soft, hard }) => `--${name}=${limitText(soft)}:${limitText(hard)}`)
  return [...required(tools.prlimit, 'prlimit', 'ulimits'), ...options, '--']
}

function limitText(value: number): string {
  return value === -1 ? 'unlimited' : String(value)
}

function required(tool: string | null, name: string, what: string): string[] {
  if (tool !== null) return [tool]
  throw new OperationalError('RUNTIME_REFUSED', `cannot run ${what}: the program ${name} is not installed`, {
    hint: 'it is part of util-linux',
  })
}

/** Makes the directories that a program expects, and gives the new ones to its user. */
export async function prepareDirectories(program: Program, own: string, user: UserIds | null): Promise<void> {
  if (user !== null && process.getuid?.() === 0) await chown(own, user.uid, user.gid)
  if (program.dataDir === null) return
  const made = await mkdir(program.dataDir, { recursive: true, mode: 0o755 })
  if (made !== undefined && user !== null) await chown(program.dataDir, user.uid, user.gid)
}
