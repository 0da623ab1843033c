import { join } from 'node:path'

/** Files of an installed node in its volume, beside those of a running one. */
export interface InstallPaths {
  readonly volume: string
  /** The journal: what was begun, and so what is to be taken back. */
  readonly record: string
  readonly settings: string
  readonly secret: string
  /** Of a process that no service manager looks after. */
  readonly log: string
  readonly pid: string
  readonly socket: string
  /** Where a volume that is not there is prepared, so that it never is there without its journal. */
  readonly draft: string
}

export function installPaths(volume: string): InstallPaths {
  return {
    volume,
    record: join(volume, 'install.json'),
    settings: join(volume, 'gantry.yaml'),
    secret: join(volume, 'join.secret'),
    log: join(volume, 'gantry.log'),
    pid: join(volume, 'gantry.pid'),
    socket: join(volume, 'gantry.sock'),
    draft: `${volume}.installing`,
  }
}
