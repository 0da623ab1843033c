import type { ErrorCode, Problem, Retry } from '../core/errors.ts'
import type { ServiceName } from '../core/model/ids.ts'
import type { Change, Plan } from '../core/model/plan.ts'
import type { DispatchView, TaskView } from '../core/model/view.ts'

/** Where the routes of version 1 begin. */
export const API_PREFIX = '/api/v1'

/** How a program may identify itself; one value is drawn for each write and repeated with it. */
export const IDEMPOTENCY_HEADER = 'idempotency-key'

/** A change as it travels: a manifest goes as its text, and the server loads it. */
export type ChangeRequest =
  | { readonly kind: 'apply'; readonly text: string; readonly file: string | null }
  | Exclude<Change, { readonly kind: 'apply' }>

/** A plan as it travels and as `plan -o FILE` keeps it. */
export type WirePlan = Omit<Plan, 'change'> & { readonly change: ChangeRequest }

export interface WireAccepted {
  /** Number of the manifest revision that the change made; null when it made none: nothing changed, or a node did. */
  readonly revision: number | null
  readonly plan: WirePlan
}

/** Something that the manifest says and that has a consequence worth knowing. */
export interface ManifestNote {
  readonly path: string
  readonly message: string
  readonly line: number
  readonly column: number
}

export interface Validation {
  readonly problems: readonly Problem[]
  readonly notes: readonly ManifestNote[]
  /** Names of what it declares; empty when there are problems. */
  readonly services: readonly ServiceName[]
  readonly placements: readonly string[]
}

export interface Health {
  readonly status: 'ok'
  readonly version: string
}

/** A task to start by hand: a service as a manifest has it, with a name, and the UUID if the caller wants to choose it. */
export type DispatchRequest = { readonly name: string; readonly id?: string } & Readonly<Record<string, unknown>>

/** A task that was started by hand, and the attempts made for it, newest first. */
export interface DispatchDetail {
  readonly dispatch: DispatchView
  readonly tasks: readonly TaskView[]
}

/** Figures that mean the same thing. */
export interface WireMetric {
  readonly name: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  readonly help: string
  readonly samples: readonly {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly value: number
  }[]
}

/** Every failure that the API answers with. */
export interface WireError {
  readonly error: {
    readonly code: ErrorCode
    readonly status: number
    /** What could not be done, to which object, why. */
    readonly message: string
    /** What to do about it; empty when the message says all. */
    readonly hint: string
    readonly problems?: readonly Problem[]
    /** Finds the request in the server's log. */
    readonly requestId: string
    readonly retry: Retry
    readonly retryAfterMs?: number
  }
}
