import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Ended } from '../system/gantry.ts'
import { gantryGroup, removeGroup } from './cgroups.ts'
import { type EngineContainer, engineContainers } from './engine-containers.ts'
import { LabEngine } from './lab-engine.ts'
import type { LabProcess } from './lab-process.ts'
import type { Lan, Outlet } from './lan.ts'
import { Machine } from './machine.ts'
import { clockVariables, setClock } from './process-faults.ts'
import { Remains } from './remains.ts'

/** The built program, as users run it from a checkout. */
const BUNDLE = join(process.cwd(), 'dist', 'gantry.cjs')
const UP = 'Gantry is up.'

export interface HostOptions {
  readonly name: string
  readonly directory: string
  /** Control group of its containers, below the root of each hierarchy. */
  readonly cgroup: string
  readonly hasOwnClock: boolean
  readonly liveRestore: boolean
}

/** A machine with a Docker Engine, and Gantry where a test starts it. */
export class Host extends Machine {
  readonly directory: string
  readonly cgroup: string
  readonly engine: LabEngine
  readonly outlet: Outlet
  /** Gantry takes its wall clock from this file, when there is one: see `setClock`. */
  readonly clockFile: string | null
  readonly #lan: Lan
  /** The running `gantry up` or whatever was started in its place; null before the first. */
  gantryProcess: LabProcess | null = null
  readonly #remains = new Remains()
  #lastStart: { readonly args: readonly string[]; readonly says: string } | null = null

  constructor({ name, directory, cgroup, hasOwnClock, liveRestore }: HostOptions, lan: Lan, outlet: Outlet) {
    super({ name, address: outlet.address, namespace: outlet.namespace })
    this.#lan = lan
    this.outlet = outlet
    this.directory = directory
    this.cgroup = cgroup
    this.engine = new LabEngine(this, join(directory, 'engine'), cgroup, liveRestore)
    this.clockFile = hasOwnClock ? join(directory, 'clock') : null
    mkdirSync(this.dataDir, { recursive: true })
    if (this.clockFile !== null) setClock(this.clockFile, 0)
    Object.assign(this.env, { HOME: this.dataDir, GANTRY_DATA: this.dataDir, DOCKER_HOST: this.engine.address })
  }

  /** Gantry's own, as in GANTRY_DATA. It survives a reboot. */
  get dataDir(): string {
    return join(this.directory, 'gantry')
  }

  /** Path of the engine's socket, good on every machine and outside of the lab. */
  get socket(): string {
    return this.engine.socket
  }

  /** Runs a `gantry` command to its end. */
  gantry(...args: readonly string[]): Promise<Ended> {
    return this.run([process.execPath, BUNDLE, ...args], this.#clock())
  }

  /** Runs a `gantry` command that must succeed, and parses what it prints. */
  async json<T>(...args: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await this.gantry(...args, '--json')
    if (code !== 0) throw new Error(`gantry ${args.join(' ')} on ${this.name} ended with ${code}: ${stderr}`)
    return JSON.parse(stdout) as T
  }

  /** Starts `gantry up`; resolves when it says that it is up. */
  up(...args: readonly string[]): Promise<LabProcess> {
    return this.start(['up', ...args], UP)
  }

  /** Starts a `gantry` that goes on; resolves when it has said this. */
  async start(args: readonly string[], says: string): Promise<LabProcess> {
    this.#lastStart = { args, says }
    const started = await this.spawn([process.execPath, BUNDLE, ...args], this.#clock())
    this.gantryProcess = started
    await started.says(says)
    return started
  }

  /** Sends a signal to Gantry or to the engine; resolves when it has had its effect, for SIGSTOP and SIGKILL. */
  async signal(target: 'gantry' | 'engine', signal: NodeJS.Signals): Promise<void> {
    if (target === 'engine') await this.engine.signal(signal)
    else await this.gantryProcess?.signal(signal)
  }

  /** Ends Gantry, unless it has ended, and starts it again as it was started last. */
  async restartGantry(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.gantryProcess?.end(signal)
    if (this.#lastStart !== null) await this.start(this.#lastStart.args, this.#lastStart.says)
  }

  /** Every container, as the engine says. Rejects when it does not answer. */
  async containers(): Promise<EngineContainer[]> {
    const connection = this.engine.connect()
    try {
      return await engineContainers(connection)
    } finally {
      connection.close()
    }
  }

  /** Switches it on with its engine. */
  async powerOn(): Promise<void> {
    this.#remains.drop()
    await this.#lan.plugIn(this.outlet)
    await this.boot()
    await this.engine.launch()
  }

  /** Ends everything at once, containers too; what the kernel kept for it goes. Nobody is told: no connection is closed. */
  override async powerOff(): Promise<void> {
    if (!this.isOn) return this.#remains.drop()
    await this.#lan.disconnect(this.outlet)
    this.#remains.keep([`/run/netns/${this.namespace}`, ...this.insideAll('/run/docker/netns')])
    await super.powerOff()
    await removeGroup(this.cgroup)
    const group = gantryGroup(this.dataDir)
    if (group !== null) await removeGroup(group)
    await this.#lan.forget(this.outlet)
  }

  /** Loses power and starts again: the engine, and Gantry where it was running. */
  async reboot(): Promise<void> {
    const wasRunning = this.gantryProcess?.isRunning ?? false
    await this.powerOff()
    await this.powerOn()
    if (wasRunning && this.#lastStart !== null) await this.start(this.#lastStart.args, this.#lastStart.says)
  }

  #clock(): Record<string, string> {
    return this.clockFile === null ? {} : clockVariables(this.clockFile)
  }
}
