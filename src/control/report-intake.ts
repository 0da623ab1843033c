import type { Millis } from '../core/model/ids.ts'
import type { PassDeps } from './pass.ts'
import { type Inbox, recordReports } from './record-reports.ts'

/** What follows on a report costs as much as its service has tasks: a cluster of 5,000 tasks takes them in once a second. */
const TASKS_PER_MS = 5

/** Takes reports in: the first at once, those after it together, the more so the larger the cluster is. */
export class ReportIntake {
  readonly inbox: Inbox = new Map()
  #restUntil: Millis = 0

  async pass(deps: PassDeps): Promise<Millis | null> {
    const { clock, world } = deps
    if (this.inbox.size === 0) return null
    if (clock.now() < this.#restUntil) return this.#restUntil
    const again = await recordReports(this.inbox, deps)
    // What one commit had no room for goes on at once.
    if (again === null) this.#restUntil = clock.now() + Math.floor(world.mirror.count('task') / TASKS_PER_MS)
    return again
  }
}
