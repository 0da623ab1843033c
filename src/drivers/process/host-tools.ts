import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'

const DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** The programs of the machine that stand before a task's own; null: not installed. */
export interface HostTools {
  /** Gives the program a session of its own. */
  readonly setsid: string | null
  /** Changes the user. */
  readonly setpriv: string | null
  /** Sets resource limits. */
  readonly prlimit: string | null
  readonly script: string | null
  readonly stty: string | null
}

export async function findHostTools(): Promise<HostTools> {
  const [setsid, setpriv, prlimit, script, stty] = await Promise.all(
    ['setsid', 'setpriv', 'prlimit', 'script', 'stty'].map(find),
  )
  return {
    setsid: setsid ?? null,
    setpriv: setpriv ?? null,
    prlimit: prlimit ?? null,
    script: script ?? null,
    stty: stty ?? null,
  }
}

async function find(name: string): Promise<string | null> {
  for (const directory of DIRECTORIES) {
    const path = join(directory, name)
    try {
      await access(path, constants.X_OK)
      return path
    } catch {
      // Not in this directory.
    }
  }
  return null
}
