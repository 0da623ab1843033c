import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { removeGroup } from './cgroups.ts'
import { type Claim, cgroupOf, claimNumber, takeAbandoned } from './claim.ts'
import { makeEngineImages } from './engine-images.ts'
import { Host } from './host.ts'
import { Lan, type Outlet, portOf, removeNamespaces } from './lan.ts'
import type { Loss } from './lan-rules.ts'
import { Machine } from './machine.ts'
import { busyLoops, failFsync, setClock, slowDisk } from './process-faults.ts'

const OUTSIDE = 0

/** Ends a fault. Does no harm when repeated. */
export type Undo = () => Promise<void>

export interface LabOptions {
  readonly hosts: number
  /** A directory that `makeEngineImages` has filled; without one the lab builds the usual images, which takes 2 s. */
  readonly images?: string
  /** Gantry on each host has a wall clock that a test may move. */
  readonly clocks?: boolean
  /** Containers outlive their engine. Default true; Docker Swarm cannot do with it. */
  readonly liveRestore?: boolean
}

/**
 * Several machines with a Docker Engine each, on a network of their own, on this one. Packets leave a machine for the others
 * only. Several labs may exist at once, of one process or of several. A lab does not outlive its process: what it leaves
 * then are names, and the next lab removes them.
 */
export class Lab {
  readonly hosts: readonly Host[]
  /** A machine on the same network, without an engine: where users are. */
  readonly outside: Machine
  readonly directory: string
  readonly #claim: Claim
  readonly #lan: Lan
  readonly #outlets: ReadonlyMap<Machine, Outlet>
  readonly #cuts = new Map<Machine, Undo>()
  readonly #undos = new Set<Undo>()

  private constructor(claim: Claim, lan: Lan, hosts: readonly Host[]) {
    this.#claim = claim
    this.#lan = lan
    this.directory = claim.directory
    const outside = lan.outlet(OUTSIDE)
    this.outside = new Machine({ ...outside, name: 'outside' })
    this.hosts = hosts
    this.#outlets = new Map([[this.outside, outside], ...this.hosts.map((host) => [host, host.outlet] as const)])
  }

  /** Starts the machines and their engines; clears away first what killed processes have left. */
  static async start({ hosts, images, clocks = false, liveRestore = true }: LabOptions): Promise<Lab> {
    for (const claim of takeAbandoned()) await clear(claim)
    const claim = claimNumber()
    try {
      const given = images ?? join(claim.directory, 'images')
      const [lan] = await Promise.all([Lan.create(claim), images ?? makeEngineImages(given)])
      const lab = new Lab(
        claim,
        lan,
        Array.from({ length: hosts }, (_, i) => aHost(claim, lan, i + 1, { hasOwnClock: clocks, liveRestore })),
      )
      try {
        await lab.#powerOn(given)
      } catch (error) {
        await lab.stop()
        throw error
      }
      return lab
    } catch (error) {
      await clear(claim)
      throw error
    }
  }

  /** Host n, counted from 1; its name is `node<n>`. */
  host(number: number): Host {
    const host = this.hosts[number - 1]
    if (host === undefined) throw new Error(`the lab has no host ${number}`)
    return host
  }

  /** Ends everything and leaves nothing. Does no harm when repeated. */
  async stop(): Promise<void> {
    try {
      for (const undo of this.#undos) await undo()
    } finally {
      await Promise.all([this.outside, ...this.hosts].map((machine) => machine.powerOff()))
      await clear(this.#claim)
    }
  }

  /** Keeps a machine's packets from all others, and theirs from it, without a word to either. */
  async cut(machine: Machine): Promise<Undo> {
    await this.mend(machine)
    const port = this.#port(machine)
    const undo = await this.#lose([
      { from: port, to: null, percent: 100 },
      { from: null, to: port, percent: 100 },
    ])
    this.#cuts.set(machine, undo)
    return undo
  }

  /** Ends the cut of a machine, if it is cut off. */
  async mend(machine: Machine): Promise<void> {
    await this.#cuts.get(machine)?.()
    this.#cuts.delete(machine)
  }

  /** Keeps two groups apart; within each, and with machines of neither, nothing changes. */
  partition(some: readonly Machine[], others: readonly Machine[]): Promise<Undo> {
    return this.#lose(some.flatMap((one) => others.flatMap((other) => [this.#way(one, other), this.#way(other, one)])))
  }

  /** Loses packets one way only: answers still arrive. */
  cutOneWay(from: Machine, to: Machine): Promise<Undo> {
    return this.#lose([this.#way(from, to)])
  }

  /** Loses a share of the packets to a machine and of those from it. */
  lose(machine: Machine, percent: number): Promise<Undo> {
    const port = this.#port(machine)
    return this.#lose([
      { from: port, to: null, percent },
      { from: null, to: port, percent },
    ])
  }

  /** How many packets were lost by cuts, partitions and losses since the last of them began or ended. */
  lostPackets(): Promise<number> {
    return this.#lan.lost()
  }

  /** Lets no more bytes pass to a machine, and from it. */
  async limitRate(machine: Machine, bytesPerSecond: number): Promise<Undo> {
    return this.undoneAtEnd(await this.#lan.limit(this.#outlet(machine), bytesPerSecond))
  }

  /** Delays what a process, by its pid on the real machine, writes to the disk for good. */
  async slowDisk(pid: number, delayMs: number): Promise<Undo> {
    return this.undoneAtEnd(await slowDisk(pid, delayMs))
  }

  /** Lets what a process writes to the disk for good fail with EIO. */
  async failFsync(pid: number): Promise<Undo> {
    return this.undoneAtEnd(await failFsync(pid))
  }

  /** Moves the wall clock of Gantry on a host, within a second; the lab was started with `clocks`. */
  async shiftClock(host: Host, offsetMs: number): Promise<Undo> {
    const file = host.clockFile
    if (file === null) throw new Error(`${host.name} has no clock of its own: start the lab with clocks`)
    setClock(file, offsetMs)
    return this.undoneAtEnd(async () => setClock(file, 0))
  }

  /** Takes processor time from everything on this machine, by so many loops on one of the lab's; never for longer than told. */
  async starve(machine: Machine, loops: number, seconds: number): Promise<Undo> {
    return this.undoneAtEnd(await busyLoops(machine, loops, seconds))
  }

  /** Remembers a fault: it ends with the lab, if not before. */
  undoneAtEnd(undo: Undo): Undo {
    const once = async (): Promise<void> => {
      if (this.#undos.delete(once)) await undo()
    }
    this.#undos.add(once)
    return once
  }

  async #powerOn(images: string): Promise<void> {
    await this.#lan.plugIn(this.#outlet(this.outside))
    await this.outside.boot()
    await Promise.all(
      this.hosts.map(async (host) => {
        await host.engine.install(images)
        await host.powerOn()
      }),
    )
  }

  async #lose(losses: readonly Loss[]): Promise<Undo> {
    return this.undoneAtEnd(await this.#lan.lose(losses))
  }

  #way(from: Machine, to: Machine): Loss {
    return { from: this.#port(from), to: this.#port(to), percent: 100 }
  }

  #port(machine: Machine): string {
    return portOf(this.#outlet(machine).number)
  }

  #outlet(machine: Machine): Outlet {
    const outlet = this.#outlets.get(machine)
    if (outlet === undefined) throw new Error(`${machine.name} is of another lab`)
    return outlet
  }
}

function aHost(
  claim: Claim,
  lan: Lan,
  number: number,
  wish: { readonly hasOwnClock: boolean; readonly liveRestore: boolean },
): Host {
  const options = {
    name: `node${number}`,
    directory: join(claim.directory, 'hosts', String(number)),
    cgroup: `${cgroupOf(claim)}/${number}`,
    ...wish,
  }
  return new Host(options, lan, lan.outlet(number))
}

/** Forgets a lab whose machines are off. */
async function clear(claim: Claim): Promise<void> {
  await removeGroup(cgroupOf(claim))
  await removeNamespaces(claim)
  rmSync(claim.directory, { recursive: true, force: true })
}
