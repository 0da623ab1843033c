import { closeSync, openSync } from 'node:fs'

/**
 * Networks of a machine that lost its power. Where machines share a kernel it would take them down at once, and keep every
 * other machine from starting a container meanwhile; a real one takes its kernel with it.
 */
export class Remains {
  #open: number[] = []

  /** Files of network namespaces, which last until they are dropped. */
  keep(paths: readonly string[]): void {
    this.#open.push(...paths.map((path) => openSync(path, 'r')))
  }

  drop(): void {
    for (const file of this.#open.splice(0)) closeSync(file)
  }
}
