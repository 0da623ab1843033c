import type { PullProgress } from '../../ports/runtime.ts'

/** One line of a pull, as far as it is read. */
export interface PullLine {
  readonly id?: string
  readonly status?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number } | null
  readonly error?: string
}

interface Layer {
  readonly done: boolean
  readonly bytesDone: number
  readonly bytes: number
}

const LAYER_STATUS = /^(Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting)$/
const LAYER_DONE = /^(Pull complete|Already exists)$/

/** Adds up what the lines of a pull say of its layers. */
export class PullTally {
  readonly #image: string
  readonly #layers = new Map<string, Layer>()

  constructor(image: string) {
    this.#image = image
  }

  /** The progress after this line; null when the line changes nothing. */
  take({ id, status, progressDetail }: PullLine): PullProgress | null {
    if (id === undefined || status === undefined) return null
    const done = LAYER_DONE.test(status)
    // Lines about the image itself have its tag in the place of a layer.
    if (!done && !LAYER_STATUS.test(status)) return null
    const before = this.#layers.get(id) ?? { done: false, bytesDone: 0, bytes: 0 }
    const after = layerAfter(before, status, progressDetail ?? {}, done)
    this.#layers.set(id, after)
    return this.#progress()
  }

  #progress(): PullProgress {
    const layers = [...this.#layers.values()]
    const sum = (of: (layer: Layer) => number): number => layers.reduce((total, layer) => total + of(layer), 0)
    return {
      image: this.#image,
      layersDone: sum(({ done }) => (done ? 1 : 0)),
      layers: layers.length,
      bytesDone: sum(({ bytesDone }) => bytesDone),
      bytes: sum(({ bytes }) => bytes),
    }
  }
}

function layerAfter(before: Layer, status: string, detail: { current?: number; total?: number }, done: boolean): Layer {
  if (done || status === 'Download complete') return { ...before, done, bytesDone: before.bytes }
  // Extraction counts the same bytes again.
  if (status !== 'Downloading') return before
  return { done, bytesDone: detail.current ?? before.bytesDone, bytes: Math.max(detail.total ?? 0, before.bytes) }
}
