import type { Rng } from '../../src/lib/rng.ts'
import type { DurableText } from '../../src/ports/host.ts'
import type { Faults } from './faults.ts'
import type { Mortal } from './mortal.ts'

/** One file on a simulated disk. It outlives the processes that use it. */
export class SimFile {
  text: string | null = null
  readonly #onWrite: (text: string) => void

  constructor(onWrite: (text: string) => void) {
    this.#onWrite = onWrite
  }

  write(text: string): void {
    this.text = text
    this.#onWrite(text)
  }
}

/**
 * A process's way to a file. A write that nobody was told of yet is lost or not when the process dies: chance decides.
 */
export class SimDisk implements DurableText {
  readonly #file: SimFile
  readonly #user: Mortal
  readonly #rng: Rng
  readonly #pending = new Set<{ readonly text: string }>()

  constructor(file: SimFile, user: Mortal, rng: Rng, faults: Faults) {
    this.#file = file
    this.#user = user
    this.#rng = rng
    user.onDeath(() => {
      for (const { text } of this.#pending) {
        if (rng.chance(0.5)) file.write(text)
        else faults.count('disk write lost')
      }
    })
  }

  read(): Promise<string | null> {
    return this.#user.ask(1, () => this.#file.text, 0)
  }

  async write(text: string): Promise<void> {
    const write = { text }
    this.#pending.add(write)
    const done = (): void => {
      // After the death of the process its fate is decided already.
      if (this.#user.alive) this.#file.write(text)
      this.#pending.delete(write)
    }
    // Most disks are quick, and each has its bad moments.
    const ms = this.#rng.below(this.#rng.chance(0.1) ? 300 : 6)
    await this.#user.ask(ms, done, this.#rng.below(2))
  }
}
