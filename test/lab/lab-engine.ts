import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseEngineAddress } from '../../src/drivers/docker/address.ts'
import { EngineConnection } from '../../src/drivers/docker/connection.ts'
import { copyEngineImages } from './engine-images.ts'
import { type LabProcess, sendSignal } from './lab-process.ts'
import type { Machine } from './machine.ts'

const START_MS = 60_000
/** Its containers' supervisors are no part of it: they outlive it. */
const PROGRAMS = ['dockerd', 'containerd']

/**
 * The Docker Engine of a machine, as a package would run it: with its own bridge and firewall rules, so that containers
 * publish ports on the machine's address, and live-restore unless told otherwise. Its state of this boot is in the machine's /run.
 */
export class LabEngine {
  readonly socket: string
  readonly #machine: Machine
  readonly #directory: string
  readonly #cgroup: string
  readonly #liveRestore: boolean
  #process: LabProcess | null = null

  /** The directory is the engine's own; the control group, below the root of each hierarchy, is its containers'. */
  constructor(machine: Machine, directory: string, cgroup: string, liveRestore: boolean) {
    this.#liveRestore = liveRestore
    this.#machine = machine
    this.#directory = directory
    this.#cgroup = cgroup
    this.socket = join(directory, 'engine.sock')
  }

  /** As in DOCKER_HOST. */
  get address(): string {
    return `unix://${this.socket}`
  }

  /** Where it keeps what it knows of its containers. */
  get containersDirectory(): string {
    return join(this.#directory, 'data', 'containers')
  }

  /** Gives the engine, before its first start, the images in a directory that `makeEngineImages` has filled. */
  async install(images: string): Promise<void> {
    mkdirSync(join(this.#directory, 'data'), { recursive: true })
    writeFileSync(join(this.#directory, 'daemon.json'), '{}')
    await copyEngineImages(images, join(this.#directory, 'data'))
  }

  /** Starts it; resolves when it answers. */
  async launch(): Promise<void> {
    const started = await this.#machine.spawn(['dockerd', ...this.#flags()])
    this.#process = started
    const over = started.ended.then(({ code, signal }) => `it ended with ${code ?? signal}`)
    const reason = await Promise.race([over, this.#answering()])
    if (reason !== null)
      throw new Error(`the engine of ${this.#machine.name} does not start: ${reason}\n${lastWords(started.output)}`)
  }

  /** Sends a signal to the engine and to its supervisor of supervisors. Containers go on, whatever it is. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const supervisors = PROGRAMS.flatMap((name) => this.#machine.processes(name))
    await this.#process?.signal(signal)
    for (const pid of supervisors) if (pid !== this.#process?.pid) sendSignal(pid, signal)
    if (signal !== 'SIGKILL') return
    while (PROGRAMS.some((name) => this.#machine.processes(name).length > 0)) await pause(5)
  }

  /** Ends it, in an orderly way unless told otherwise, and starts it again. */
  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (signal === 'SIGTERM') await this.#process?.end('SIGTERM')
    else await this.signal('SIGKILL')
    await this.launch()
  }

  /** A connection to it. The caller closes it. */
  connect(): EngineConnection {
    return new EngineConnection(parseEngineAddress(this.address))
  }

  #flags(): string[] {
    return [
      ['--host', this.address],
      ['--data-root', join(this.#directory, 'data')],
      ['--exec-root', '/run/docker'],
      ['--pidfile', '/run/docker.pid'],
      ['--config-file', join(this.#directory, 'daemon.json')],
      ['--cgroup-parent', `/${this.#cgroup}`],
      ['--exec-opt', 'native.cgroupdriver=cgroupfs'],
      this.#liveRestore ? ['--live-restore'] : [],
    ].flat()
  }

  async #answering(): Promise<string | null> {
    const connection = this.connect()
    try {
      for (const deadline = Date.now() + START_MS; Date.now() < deadline; await pause(30)) {
        if (await answers(connection)) return null
      }
      return `no answer in ${START_MS / 1000} s`
    } finally {
      connection.close()
    }
  }
}

function lastWords(output: string): string {
  return output.split('\n').slice(-8).join('\n')
}

async function answers(connection: EngineConnection): Promise<boolean> {
  try {
    await connection.call({ method: 'GET', path: '/containers/json', doing: 'look whether it is up', timeoutMs: 5_000 })
    return true
  } catch (error) {
    if (['UNAVAILABLE', 'TIMEOUT'].includes((error as { code?: string }).code ?? '')) return false
    throw error
  }
}
