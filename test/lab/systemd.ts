import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readProc } from '../../src/drivers/process/proc.ts'
import { type Ended, until } from '../system/gantry.ts'
import type { Host } from './host.ts'
import { childrenOf, type LabProcess } from './lab-process.ts'

const PROGRAM = '/lib/systemd/systemd'
const UNITS = '/lib/systemd/system'
const JOURNAL = ['systemd-journald.service', 'systemd-journald.socket', 'systemd-journald-dev-log.socket']
/** What a boot leads to, and nothing else of what this machine would start. */
const TARGETS = [
  ['sysinit.target', 'Wants=systemd-journald.service'],
  ['basic.target', 'Requires=sysinit.target\nAfter=sysinit.target'],
  ['multi-user.target', 'Requires=basic.target\nAfter=basic.target'],
] as const

/**
 * The first process of a machine within the host: it has processes, mounts and control groups of its own. Kernel settings
 * cannot be written from there, the clock cannot be set, and no unit of the real machine is known, so nothing but the journal is started.
 */
const BOOT = `set -e
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/log
mount --bind "$1/written" /etc/systemd/system
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
exec env -i container=lab PATH="$PATH" SYSTEMD_UNIT_PATH="/etc/systemd/system:$1/units" SYSTEMD_GENERATOR_PATH="$1/none" \\
  setpriv --bounding-set=-sys_time,-sys_module,-sys_boot ${PROGRAM} --unit=multi-user.target --log-target=null --show-status=no
`
const SPACES = ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--cgroup', '--propagation', 'private']
const ENTER = `group=$1; shift; mkdir -p "$group"; echo $$ >"$group/cgroup.procs"; exec unshare "$@"`

/** systemd at work on a host of a lab. Units that are written there stay through reboots of the host, and nobody else sees them. */
export class Systemd {
  readonly #host: Host
  /** Of its first process, as the host numbers it. */
  readonly #pid: number
  readonly #directory: string

  private constructor(host: Host, pid: number, directory: string) {
    this.#host = host
    this.#pid = pid
    this.#directory = directory
  }

  /** Resolves when everything has started that is started at a boot. It ends with the host's power. */
  static async boot(host: Host): Promise<Systemd> {
    const directory = join(host.directory, 'systemd')
    for (const name of ['units', 'written']) mkdirSync(join(directory, name), { recursive: true })
    for (const name of JOURNAL) copyFileSync(join(UNITS, name), join(directory, 'units', name))
    for (const [name, text] of TARGETS) writeFileSync(join(directory, 'units', name), `[Unit]\n${text}\n`)
    const unified = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.procs')))
    const group = join(unified ?? '', host.cgroup, 'systemd')
    const entered = await host.spawn([
      'sh',
      '-c',
      ENTER,
      'enter',
      group,
      ...SPACES,
      'sh',
      '-c',
      BOOT,
      'boot',
      directory,
    ])
    const systemd = new Systemd(host, await firstProcess(entered), directory)
    await until(
      () => systemd.run('systemctl', 'is-system-running'),
      ({ stdout }) => stdout === 'running\n',
    )
    return systemd
  }

  /** Runs a program there to its end. */
  run(...argv: readonly string[]): Promise<Ended> {
    const spaces = ['--target', String(this.#pid), '--mount', '--pid', '--cgroup']
    const units = `SYSTEMD_UNIT_PATH=/etc/systemd/system:${this.#directory}/units`
    return this.#host.run(['nsenter', ...spaces, '--', 'env', units, ...argv])
  }

  /** What systemd says of a unit. */
  async property(unit: string, name: string): Promise<string> {
    const { stdout } = await this.run('systemctl', 'show', '--value', `--property=${name}`, unit)
    return stdout.trim()
  }
}

/** The pid that a host knows for the first process of the namespace that this one makes. */
async function firstProcess({ pid }: LabProcess): Promise<number> {
  const deep = pidsOf(pid).length + 1
  const pids = await until(
    async () =>
      childrenOf(pid)
        .map(pidsOf)
        .find(({ length }) => length === deep) ?? [],
    ({ length }) => length > 0,
  )
  return pids.at(-2) ?? 0
}

/** What each namespace calls a process, from this machine's inwards; none when it is gone. */
function pidsOf(pid: number): number[] {
  return (/^NSpid:\s+(.*)$/m.exec(readProc(`${pid}/status`) ?? '')?.[1] ?? '').split(/\s+/).filter(Boolean).map(Number)
}
