import type { Rng } from '../../src/lib/rng.ts'

/** Every way in which the simulated world goes wrong. A campaign of lives must have hit each of them. */
export const FAULT_CLASSES = [
  'request lost',
  'reply lost',
  'hint lost',
  'engine down',
  'engine restart',
  'engine slow',
  'container killed',
  'container removed',
  'port taken',
  'agent crash',
  'machine reboot',
  'machine lost',
  'disk write lost',
  'server crash',
  'server down long',
  'server unheard',
  'second leader',
  'lease lost',
  'connection cut',
  'connection half open',
  'partition',
  'commit slow',
  'commit conflict',
  'commit unknown, landed',
  'commit unknown, not landed',
  'store unavailable',
  'upgrade',
  'watch late',
  'watch gap',
  'client retry',
  'foreign report',
  'old report',
  'old assignment',
  'smaller world',
  'cache lost',
  'crash in a call',
  'clock wrong',
  'server pause',
  'agent pause',
  'machine pause',
  'leader cut from store',
  'server cut from store',
  'leader cut from agents',
  'agents cut from servers',
  'half the nodes cut',
  'some pairs cut',
  'one way cut',
  'way flaps',
  'view lags',
  'lease loss unnoticed',
  'store gone',
  'store full',
  'follower asked',
  'absence noted late',
  'state put back',
  'servers cut',
] as const
export type FaultClass = (typeof FAULT_CLASSES)[number]

/** Which faults a life knows, how often they strike, and how often they did. */
export class Faults {
  readonly #rates = new Map<FaultClass, number>()
  readonly counts = new Map<FaultClass, number>()
  #on = true

  /** Lets a fault strike each time it could with that probability. */
  set(fault: FaultClass, rate: number): void {
    this.#rates.set(fault, rate)
  }

  /** From now on nothing goes wrong any more. */
  end(): void {
    this.#on = false
  }

  get on(): boolean {
    return this.#on
  }

  rate(fault: FaultClass): number {
    return this.#on ? (this.#rates.get(fault) ?? 0) : 0
  }

  /** Whether the fault strikes now. */
  hit(fault: FaultClass, rng: Rng): boolean {
    const rate = this.rate(fault)
    if (rate === 0 || !rng.chance(rate)) return false
    this.count(fault)
    return true
  }

  count(fault: FaultClass): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1)
  }
}
