import type { Millis } from '../../src/core/model/ids.ts'
import type { ContainerSpec } from '../../src/core/model/service.ts'

/** What a simulated container does when it runs. Written as JSON into its command, as a real one's arguments would be. */
export interface Program {
  /** Ends by itself after so long; null: runs until it is stopped. */
  readonly endsAfterMs: Millis | null
  readonly exitCode: number
  /** Only its first runs end by themselves; the later ones go on. null: all do. */
  readonly endingRuns: number | null
  /** Answers its port from so long after its start on; null: never. */
  readonly servesAfterMs: Millis | null
  /** Time from the stop signal to its end; null: it ignores the signal. */
  readonly stopsAfterMs: Millis | null
  /** Other signals that end it, and the exit code each gives. */
  readonly signals: Readonly<Record<string, number>>
  /** Lines it prints right after its start. A text that begins with `$` is the value of that variable. */
  readonly prints: readonly { readonly stream: 'stdout' | 'stderr'; readonly text: string }[]
}

const SERVE: Program = {
  endsAfterMs: null,
  exitCode: 0,
  endingRuns: null,
  servesAfterMs: 0,
  stopsAfterMs: 5,
  signals: {},
  prints: [],
}

/** The command of a container that runs this program. */
export function programCommand(program: Partial<Program>): readonly string[] {
  return ['simulated', JSON.stringify(program)]
}

/** The program of a container; one that names none serves at once and for ever. */
export function programOf({ command }: Pick<ContainerSpec, 'command'>): Program {
  const text = command?.[0] === 'simulated' ? (command[1] ?? '{}') : '{}'
  return { ...SERVE, ...(JSON.parse(text) as Partial<Program>) }
}
