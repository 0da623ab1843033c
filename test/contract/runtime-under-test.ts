import type { Millis } from '../../src/core/model/ids.ts'
import type { ContainerSpec } from '../../src/core/model/service.ts'
import type { PortBinding } from '../../src/core/model/task.ts'
import type { ContainerOrder, Runtime } from '../../src/ports/runtime.ts'

/** What a container of a contract test runs. Each implementation says with which image and words. */
export type Program =
  /** Runs until it gets SIGTERM, then ends with 0 at once. */
  | { readonly kind: 'serve' }
  /** Ignores SIGTERM; ends with `code` on the signal. */
  | { readonly kind: 'stubborn'; readonly signal: 'SIGUSR1'; readonly code: number }
  | { readonly kind: 'exit'; readonly code: number }
  /** Prints the lines, each on its stream and in this order, then ends with 0, or runs until SIGTERM. */
  | { readonly kind: 'print'; readonly lines: readonly PrintedLine[]; readonly afterwards: 'exit' | 'serve' }
  /** Prints one line of that many letters `x`, then ends with 0. */
  | { readonly kind: 'print-long'; readonly length: number }
  /** Prints the value of a variable of its environment, then ends with 0. */
  | { readonly kind: 'print-variable'; readonly name: string }

export interface PrintedLine {
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

/** What a contract test runs inside a running container. */
export type ExecProgram =
  | { readonly kind: 'exit'; readonly code: number }
  /** Prints `out` to stdout and `err` to stderr, each with a line end. */
  | { readonly kind: 'print'; readonly out: string; readonly err: string }
  /** Copies its input to stdout until the input ends, then ends with 0. */
  | { readonly kind: 'cat' }
  /** Ends with 0 if its input is a terminal, else with 3. */
  | { readonly kind: 'is-terminal' }
  /** Prints the value of a variable of its environment. */
  | { readonly kind: 'print-variable'; readonly name: string }
  /** Runs until its input ends or it is killed. */
  | { readonly kind: 'wait' }

export interface OrderOptions {
  /** Default: another service with each order. */
  readonly service?: string
  readonly attempt?: number
  readonly spec?: Partial<ContainerSpec>
  readonly hostPorts?: readonly PortBinding[]
}

/** A world with a runtime in it, fresh for one test. */
export interface RuntimeUnderTest {
  readonly runtime: Runtime
  /** Another object for the same cluster and data directory in the same world, as after a restart of the agent. */
  reopen(): Promise<Runtime>
  /** A runtime of another cluster in the same world. */
  stranger(): Promise<Runtime>
  order(program: Program, options?: OrderOptions): ContainerOrder
  argv(program: ExecProgram): readonly string[]
  /** An image that is present, and one that cannot be had; null where there are no images. */
  readonly images: { readonly present: string; readonly missing: string } | null
  /** A host port that nobody listens on. */
  freePort(): Promise<number>
  now(): Millis
  /** Waits for the work; a simulated world lets its time pass meanwhile. */
  settle<T>(work: Promise<T>): Promise<T>
  /** Waits until the condition holds; a simulated world lets its time pass meanwhile. Rejects after a long time. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>
  /** Ends every container of the test and every object that was opened. */
  close(): Promise<void>
}

/** Parts of the contract that an implementation may lack. */
export const RUNTIME_PARTS = ['images', 'ports', 'exec', 'terminal', 'stats'] as const
export type RuntimePart = (typeof RUNTIME_PARTS)[number]
