import type { Millis } from '../../src/core/model/ids.ts'
import { isTerminal, newestOf, type Task } from '../../src/core/model/task.ts'
import { retryDelayMs } from '../../src/lib/backoff.ts'
import { groupBy } from '../../src/lib/collections.ts'
import { fateOf } from './manifests.ts'
import type { Shadow } from './shadow.ts'

/** What becomes of a try is known so long after its pause at the latest. */
const TRIED_WITHIN_MS: Millis = 3_000

/** The pauses that programs make which fail at first and serve in the end: whoever waits for them is not slow. */
export class Pauses {
  readonly #shadow: Shadow
  readonly #now: () => Millis
  /** Since when each task has been as it is. */
  readonly #since = new WeakMap<Task, Millis>()

  constructor(shadow: Shadow, now: () => Millis) {
    this.#shadow = shadow
    this.#now = now
  }

  /** Whether one is under way. It is none any more when nothing has come of it long after its end. */
  areUnderWay(): boolean {
    const wanted = this.#shadow.wanted()
    const inSlots = groupBy(this.#shadow.tasks.values(), ({ service, slot }) => `${service}.${slot}`)
    return [...inSlots.values()].some((tasks) => {
      const newest = newestOf(tasks)
      if (newest === null || !this.#isPausing(newest)) return false
      const spec = wanted.get(newest.service)
      return spec !== undefined && fateOf(spec) !== 'never'
    })
  }

  #isPausing(task: Task): boolean {
    const { state, failures, ready } = task.status
    const since = this.#since.get(task) ?? this.#now()
    this.#since.set(task, since)
    if (ready || failures < 2 || (isTerminal(state) && state !== 'failed')) return false
    return this.#now() - since < retryDelayMs(failures + 1) + TRIED_WITHIN_MS
  }
}
