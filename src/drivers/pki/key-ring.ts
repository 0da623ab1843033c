import { clusterKeyId, newClusterKey } from './seal.ts'

/** What a server has on its disk of cluster keys. */
export interface ClusterKeys {
  /** The one that it goes by; null: it is no server. */
  readonly clusterKey: Buffer | null
  /** The next one, or the one before, while the cluster key is changed. */
  readonly otherKey?: Buffer
}

/** The cluster keys that a server knows, by their names: those on its disk, and one that it drew and gives away first. */
export class KeyRing {
  readonly #kept: () => ClusterKeys
  #drawn: Buffer | null = null

  /** `kept`: those on the disk, asked again each time. */
  constructor(kept: () => ClusterKeys) {
    this.#kept = kept
  }

  /** null: there is none of that name. */
  find(name: string): Buffer | null {
    return this.#all().find((key) => clusterKeyId(key) === name) ?? null
  }

  /** Makes another one, in the place of one that was drawn before. */
  draw(): string {
    this.#drawn = newClusterKey()
    return clusterKeyId(this.#drawn)
  }

  #all(): readonly Buffer[] {
    return [...listKeys(this.#kept()), ...(this.#drawn === null ? [] : [this.#drawn])]
  }
}

/** The one to go by first; empty: this machine is no server. */
export function listKeys({ clusterKey, otherKey }: ClusterKeys): readonly Buffer[] {
  if (clusterKey === null) return []
  return otherKey === undefined ? [clusterKey] : [clusterKey, otherKey]
}

/** The other way round. */
export function asClusterKeys([clusterKey, otherKey]: readonly Buffer[]): ClusterKeys {
  return { clusterKey: clusterKey ?? null, ...(otherKey !== undefined && { otherKey }) }
}
