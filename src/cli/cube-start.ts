import { OperationalError } from '../core/errors.ts'
import { variableOf } from './globals.ts'

/** Where gokube's variables put the manager and its workers. */
export interface CubeStart {
  readonly manager: Place
  /** Each worker has a port of its own, one after the other. */
  readonly workers: readonly (Place & { readonly name: string })[]
}

interface Place {
  readonly host: string
  readonly port: number
}

const WORKERS = 3
const MANAGER_PORT = 5555
const WORKER_PORT = 5556

/** What gokube's `CUBE_*` say of how to start; null: none is set. Throws CONFIG_INVALID. */
export function cubeStart(env: NodeJS.ProcessEnv): CubeStart | null {
  const names = ['CUBE_MANAGER_HOST', 'CUBE_MANAGER_PORT', 'CUBE_WORKER_HOST', 'CUBE_WORKER_PORT']
  if (names.every((name) => variableOf(env, name) === null)) return null
  const manager = placeIn(env, 'CUBE_MANAGER', MANAGER_PORT, 1)
  const first = placeIn(env, 'CUBE_WORKER', WORKER_PORT, WORKERS)
  const workers = Array.from({ length: WORKERS }, (_, i) => {
    return { name: `worker-${i}`, host: first.host, port: first.port + i }
  })
  const same = workers.find(({ host, port }) => host === manager.host && port === manager.port)
  if (same !== undefined) {
    const message = `the manager and ${same.name} would listen on the same address, ${same.host}:${same.port}`
    throw new OperationalError('CONFIG_INVALID', message, { hint: 'set CUBE_MANAGER_PORT and CUBE_WORKER_PORT apart' })
  }
  return { manager, workers }
}

/** Its documents name the variable of the host twice, once with the port in it. */
function placeIn(env: NodeJS.ProcessEnv, prefix: string, usualPort: number, count: number): Place {
  const host = variableOf(env, `${prefix}_HOST`)
  const given = variableOf(env, `${prefix}_PORT`)
  const isPort = given === null && host !== null && /^\d+$/.test(host)
  const text = isPort ? host : given
  const port = text === null ? usualPort : Number(text)
  const most = 65_536 - count
  if (!Number.isInteger(port) || port < 1 || port > most)
    throw new OperationalError('CONFIG_INVALID', `${prefix}_PORT must be a port from 1 to ${most}, not ${text}`)
  return { host: host === null || isPort ? '127.0.0.1' : host, port }
}
