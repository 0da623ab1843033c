import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { OperationalError } from '../../core/errors.ts'
import { isSupported } from '../../core/etcd/known-faults.ts'
import type { Millis } from '../../core/model/ids.ts'
import { findProgram } from '../process/find-program.ts'

const ANSWERS_WITHIN_MS: Millis = 10_000
/** Where programs are, for a process that was started without a PATH. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Finds etcd's program by its name or path, seen from a directory. Throws PREREQUISITE, also for a version that cannot be a member. */
export async function findEtcd(
  program: string,
  directory: string,
): Promise<{ readonly file: string; readonly version: string }> {
  try {
    const file = await findProgram(program, process.env['PATH'] ?? SYSTEM_PATH, directory)
    const { stdout } = await promisify(execFile)(file, ['--version'], { timeout: ANSWERS_WITHIN_MS })
    const version = /etcd Version: (\S+)/.exec(stdout)?.[1] ?? ''
    if (isSupported(version)) return { file, version }
    throw new OperationalError('PREREQUISITE', `cannot run ${file}: it is etcd ${version || 'of unknown version'}`, {
      hint: 'install etcd 3.4, 3.5 or 3.6',
    })
  } catch (cause) {
    if (cause instanceof OperationalError && cause.code === 'PREREQUISITE') throw cause
    throw new OperationalError('PREREQUISITE', `cannot run etcd: ${(cause as Error).message}`, {
      hint: 'install it (on Debian: apt-get install etcd-server), or name it with --etcd-program',
      cause,
    })
  }
}
