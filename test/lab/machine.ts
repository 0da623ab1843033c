import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readProc } from '../../src/drivers/process/proc.ts'
import { runProgram } from '../engine/run-program.ts'
import type { Ended } from '../system/gantry.ts'
import { LabProcess, sendSignal } from './lab-process.ts'

const LONGEST_MS = 120_000

/**
 * First process of a machine. It lives as long as somebody holds its standard input, so no machine outlives the process
 * that made it, however that ends; and it reaps, so that the dead are not taken for the living. /sys is mounted anew to show
 * the machine's own network devices; the control groups below it stay.
 */
const INIT = `set -e
exec 3<&0
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup
umount -l /run/cgroup
rmdir /run/cgroup
hostname "$1"
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
cat /proc/sys/kernel/random/uuid >/run/boot-id
mount --bind /run/boot-id /proc/sys/kernel/random/boot_id
echo ready
read -r _ <&3 &
wait $!
`

export interface MachineOptions {
  /** Its host name. */
  readonly name: string
  readonly address: string
  /** Name of its network namespace, which exists. */
  readonly namespace: string
}

/**
 * A machine of a lab: namespaces of network, processes, mounts and host name, below one first process. With that everything
 * on the machine ends, containers and what daemons have left behind included, and no mount remains. Files are those of the
 * real machine, except /run, which is empty after each boot. Each boot has an id of its own.
 */
export class Machine {
  readonly name: string
  readonly address: string
  readonly namespace: string
  /** Variables of what is run here. */
  readonly env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: '/root', NO_COLOR: '1' }
  readonly #programs = new Set<LabProcess>()
  #entry: ChildProcess | null = null
  #init = 0

  constructor({ name, address, namespace }: MachineOptions) {
    this.name = name
    this.address = address
    this.namespace = namespace
  }

  get isOn(): boolean {
    return this.#entry !== null
  }

  /** Starts the first process; resolves when programs can be run. */
  async boot(): Promise<void> {
    const separate = ['unshare', '--pid', '--fork', '--kill-child', '--mount', '--uts', '--propagation', 'slave']
    const argv = [
      `--net=/run/netns/${this.namespace}`,
      ...separate,
      '--mount-proc',
      'sh',
      '-c',
      INIT,
      'init',
      this.name,
    ]
    const entry = spawn('nsenter', argv, { env: this.env, stdio: ['pipe', 'pipe', 'pipe'] })
    let said = ''
    entry.stderr.on('data', (data: Buffer) => {
      said += data.toString()
    })
    const ended = once(entry, 'exit').then(() => 'ended')
    const ready = await Promise.race([once(entry.stdout, 'data'), ended])
    if (ready === 'ended') throw new Error(`machine ${this.name} does not start: ${said}`)
    this.#entry = entry
    this.#init = Number(readFileSync(`/proc/${entry.pid}/task/${entry.pid}/children`, 'utf8').trim())
  }

  /** Ends everything that runs here at once, as a loss of power would. Does no harm when repeated. */
  async powerOff(): Promise<void> {
    const entry = this.#entry
    if (entry === null) return
    this.#entry = null
    const ended = once(entry, 'exit')
    // The kernel kills all others before it lets the first process go, and waits until the nsenters have taken note of their ends.
    if (entry.exitCode === null && entry.signalCode === null) {
      sendSignal(this.#init, 'SIGKILL')
      for (const program of this.#programs) program.letGo()
      await ended
    }
    this.#programs.clear()
  }

  /** Starts a program that goes on until it ends or is ended. */
  async spawn(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<LabProcess> {
    const started = await LabProcess.start(this.#entering(argv), { ...this.env, ...env })
    this.#programs.add(started)
    void started.ended.then(() => this.#programs.delete(started))
    return started
  }

  /** Runs a program to its end. */
  async run(argv: readonly string[], env: NodeJS.ProcessEnv = {}, longestMs = LONGEST_MS): Promise<Ended> {
    const [program = '', ...words] = this.#entering(argv)
    const child = spawn(program, words, {
      env: { ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: longestMs,
    })
    const printed = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        printed[stream] += text
      })
    }
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, ...printed }
  }

  /** Pids, as the real machine numbers them, of the programs of this name that run here outside of containers. */
  processes(name: string): number[] {
    const here = namespaceLink(this.#init)
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && commandOf(pid) === name && namespaceLink(pid) === here)
  }

  /** The files of a directory as this machine has it, by the paths that the real machine has for them. */
  insideAll(directory: string): string[] {
    const path = `/proc/${this.#init}/root${directory}`
    return existsSync(path) ? readdirSync(path).map((name) => `${path}/${name}`) : []
  }

  /** Runs a program in the network namespace only, as whoever wires the machine. */
  configure(argv: readonly string[]): Promise<string> {
    return runProgram(['nsenter', `--net=/run/netns/${this.namespace}`, ...argv])
  }

  #entering(argv: readonly string[]): string[] {
    if (this.#entry === null) throw new Error(`machine ${this.name} is off`)
    return ['nsenter', '--target', String(this.#init), '--net', '--pid', '--mount', '--uts', '--', ...argv]
  }
}

/** Names the namespace of processes; null when the process is gone. */
function namespaceLink(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as { code?: string }).code ?? '')) return null
    throw error
  }
}

function commandOf(pid: number): string | null {
  return readProc(`${pid}/comm`)?.trim() ?? null
}
