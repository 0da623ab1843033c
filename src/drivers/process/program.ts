import { isAbsolute, join } from 'node:path'
import { OperationalError } from '../../core/errors.ts'
import type { PortBinding } from '../../core/model/task.ts'
import type { ContainerOrder } from '../../ports/runtime.ts'
import type { TaskDirectory } from './task-directory.ts'

/** Where a process task is run, and with what. */
export interface Program {
  /** Entrypoint and command; the program is looked up like a shell does. */
  readonly argv: readonly string[]
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>
  readonly workingDir: string
  /** The service's own directory, kept when the task goes; null without a data mount. */
  readonly dataDir: string | null
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Works out what an order runs. The environment is, later ones winning: PATH, LANG and HOME (the working directory) and
 * HOST=0.0.0.0, where to listen; DATA_DIR, the service's directory, with a data mount; the variables of the spec; and
 * PORT (host port of the first port) and PORT_<container port>, which the scheduler has given and nobody may contradict.
 *
 * The working directory is the one of the spec (relative: to the task's own), else the service's data directory, else
 * the task's own.
 */
export function programOf(order: ContainerOrder, directory: TaskDirectory, volumesDir: string): Program {
  const { spec } = order
  const argv = [...(spec.entrypoint ?? []), ...(spec.command ?? [])]
  if (argv.length === 0) throw new OperationalError('RUNTIME_REFUSED', `task ${order.taskId} has no command to run`)
  const dataDir = spec.mounts.some(({ kind }) => kind === 'data')
    ? join(volumesDir, encodeURIComponent(order.service))
    : null
  const workingDir = directoryOf(spec.workingDir, directory.cwd, dataDir)
  const defaults = {
    PATH: process.env['PATH'] ?? DEFAULT_PATH,
    LANG: process.env['LANG'] ?? 'C.UTF-8',
    HOME: workingDir,
    HOST: '0.0.0.0',
    ...(dataDir === null ? {} : { DATA_DIR: dataDir }),
  }
  const env = { ...defaults, ...spec.env, ...portVariables(order) }
  refuseOddNames(env)
  return { argv, env, workingDir, dataDir }
}

function directoryOf(wanted: string | null, own: string, dataDir: string | null): string {
  if (wanted === null) return dataDir ?? own
  return isAbsolute(wanted) ? wanted : join(own, wanted)
}

function portVariables({ spec, hostPorts }: ContainerOrder): Record<string, string> {
  const variables: Record<string, string> = {}
  const first = spec.ports[0]
  const isFirst = (binding: PortBinding): boolean =>
    binding.container === first?.container && binding.protocol === first.protocol
  const port = hostPorts.find(isFirst) ?? hostPorts[0]
  if (port !== undefined) variables['PORT'] = String(port.host)
  for (const { container, host } of hostPorts) variables[`PORT_${container}`] ??= String(host)
  return variables
}

/** A POSIX shell, which stands between us and the program, does not pass on variables whose names are not words. */
function refuseOddNames(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0')) {
      throw new OperationalError('RUNTIME_REFUSED', `cannot pass the variable ${JSON.stringify(name)} to a process`, {
        hint: 'names of variables consist of letters, digits and underscores',
      })
    }
  }
}
