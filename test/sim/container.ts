import type { Millis } from '../../src/core/model/ids.ts'
import type { RuntimeKind } from '../../src/core/model/service.ts'
import type { Container, ContainerOrder, LogLine } from '../../src/ports/runtime.ts'
import { type Program, programOf } from './program.ts'

/** Why a container ended, for the checks. */
export type EndCause = 'program' | 'stop' | 'remove' | 'fault' | 'watchdog'

/** One container as it really is, whatever anybody has been told of it. */
export class SimContainer {
  readonly id: string
  readonly kind: RuntimeKind
  readonly cluster: string
  readonly order: ContainerOrder
  readonly program: Program
  readonly lines: LogLine[] = []
  state: Container['state'] = 'created'
  exitCode: number | null = null
  message = ''
  pid: number | null = null
  address: string | null = null
  startedAt: Millis | null = null
  finishedAt: Millis | null = null
  runs = 0
  repaired = false
  /** Takes the planned end of the present run back. */
  cancelEnd: () => void = () => undefined
  /** Called once when the present run has ended. */
  readonly onEnd: (() => void)[] = []
  /** Called when a line was printed or the run has ended. */
  readonly onNews = new Set<() => void>()

  constructor(id: string, kind: RuntimeKind, cluster: string, order: ContainerOrder) {
    this.id = id
    this.kind = kind
    this.cluster = cluster
    this.order = order
    this.program = programOf(order.spec)
  }

  /** What a runtime tells of it. */
  seen(): Container {
    const { id, state, exitCode, message, pid, address, startedAt, finishedAt } = this
    const { taskId, specHash } = this.order
    return { id, taskId, specHash, state, exitCode, outOfMemory: false, message, pid, address, startedAt, finishedAt }
  }

  /** Whether its program answers on its ports at that time. */
  serves(now: Millis): boolean {
    const { servesAfterMs } = this.program
    if (this.state !== 'running' || this.startedAt === null) return false
    return this.repaired || (servesAfterMs !== null && now >= this.startedAt + servesAfterMs)
  }
}
