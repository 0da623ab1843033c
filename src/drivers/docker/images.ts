import type { PullProgress } from '../../ports/runtime.ts'
import type { EngineConnection } from './connection.ts'
import { parseImage } from './image-reference.ts'
import { pullImage } from './pull.ts'

interface RunningPull {
  readonly listeners: Set<(progress: PullProgress) => void>
  readonly abort: AbortController
  readonly done: Promise<void>
}

/** The images of an engine. Several that want the same one share one pull; it ends when the last of them gives up. */
export class Images {
  readonly #connection: EngineConnection
  readonly #pulls = new Map<string, RunningPull>()

  constructor(connection: EngineConnection) {
    this.#connection = connection
  }

  async isPresent(image: string): Promise<boolean> {
    const { name, tag } = parseImage(image)
    const reference = encodeURI(tag === null ? name : `${name}:${tag}`)
    const { status } = await this.#connection.call({
      method: 'GET',
      path: `/images/${reference}/json`,
      doing: `look for image ${image}`,
      accept: [404],
    })
    return status !== 404
  }

  async pull(image: string, onProgress: (progress: PullProgress) => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const pull = this.#pulls.get(image) ?? this.#begin(image)
    const listener = (progress: PullProgress): void => onProgress(progress)
    pull.listeners.add(listener)
    try {
      await orAborted(pull.done, signal)
    } finally {
      pull.listeners.delete(listener)
      if (pull.listeners.size === 0) this.#end(image, pull)
    }
  }

  #begin(image: string): RunningPull {
    const listeners: RunningPull['listeners'] = new Set()
    const abort = new AbortController()
    const tell = (progress: PullProgress): void => {
      for (const listener of listeners) listener(progress)
    }
    const done = pullImage(this.#connection, { image, auth: null }, tell, abort.signal)
    const pull = { listeners, abort, done }
    this.#pulls.set(image, pull)
    return pull
  }

  #end(image: string, pull: RunningPull): void {
    if (this.#pulls.get(image) === pull) this.#pulls.delete(image)
    // Nobody waits for it any more, so nobody hears how it ended.
    pull.done.catch(() => undefined)
    pull.abort.abort()
  }
}

function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
