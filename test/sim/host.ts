import type { HostStats } from '../../src/core/model/host-stats.ts'
import type { Millis } from '../../src/core/model/ids.ts'
import type { Resources } from '../../src/core/model/service.ts'
import type { Rng } from '../../src/lib/rng.ts'
import type { DockerRequest, Host, ProbeResult, ProbeTarget } from '../../src/ports/host.ts'
import type { ExecSession } from '../../src/ports/runtime.ts'
import type { SimContainer } from './container.ts'
import type { Machine } from './engine.ts'
import type { Mortal } from './mortal.ts'

/** The machine of a simulated agent: its probes reach the programs that really run there. */
export class SimHost implements Host {
  readonly hostname: string
  readonly #machine: Machine
  readonly #capacity: Resources
  readonly #user: Mortal
  readonly #rng: Rng

  constructor(machine: Machine, capacity: Resources, user: Mortal, rng: Rng) {
    this.hostname = machine.name
    this.#machine = machine
    this.#capacity = capacity
    this.#user = user
    this.#rng = rng
  }

  capacity(): Promise<Resources> {
    return this.#user.ask(1, () => this.#capacity, 0)
  }

  stats(): Promise<HostStats> {
    const { memoryBytes, diskBytes } = this.#capacity
    const stats: HostStats = {
      memoryTotalBytes: memoryBytes,
      memoryAvailableBytes: memoryBytes / 2,
      diskTotalBytes: diskBytes,
      diskFreeBytes: diskBytes / 2,
      cpuBusyMs: 1,
      cpuTotalMs: 10,
      load1: 0,
      load5: 0,
      load15: 0,
    }
    return this.#user.ask(1, () => stats, 0)
  }

  docker({ argv }: DockerRequest): Promise<ExecSession> {
    const printed = { stream: 'stdout', data: new TextEncoder().encode(`${argv.join(' ')}\n`) } as const
    const session: ExecSession = {
      output: (async function* () {
        yield printed
      })(),
      write: () => undefined,
      endInput: () => undefined,
      resize: () => undefined,
      exit: Promise.resolve(0),
      abort: () => undefined,
    }
    return this.#user.ask(1, () => session, 0)
  }

  probe(target: ProbeTarget, timeoutMs: Millis): Promise<ProbeResult> {
    const { rng } = { rng: this.#rng }
    const ask = (): ProbeResult => {
      const listening = [...this.#machine.containers.values()].find((one) => listensOn(one, target))
      const ok = listening?.serves(this.#machine.clock.now()) ?? false
      return { ok, message: ok ? '' : 'connection refused' }
    }
    return this.#user.ask(rng.below(3), ask, Math.min(rng.below(5), timeoutMs))
  }
}

function listensOn(container: SimContainer, { host, port }: ProbeTarget): boolean {
  if (container.state !== 'running') return false
  const { spec, hostPorts } = container.order
  if (host !== '127.0.0.1') return container.address === host && spec.ports.some((one) => one.container === port)
  if (hostPorts.some((one) => one.host === port)) return true
  return spec.networkMode === 'host' && spec.ports.some((one) => one.container === port)
}
