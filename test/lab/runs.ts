/** What an engine said of a container, or what a test did to a machine. */
export interface ContainerEvent {
  readonly kind: 'start' | 'die' | 'power-lost'
  readonly host: string
  /** Of the container; empty for `power-lost`, which ends all of the host. */
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  /** Ms of the wall clock. */
  readonly at: number
}

/** A container from one start to its end. */
export interface Run {
  readonly host: string
  readonly id: string
  readonly service: string
  readonly slot: string
  readonly task: string
  /** -Infinity: it ran before anybody watched. */
  readonly from: number
  /** Infinity: nobody has told of its end. */
  readonly until: number
}

/** The runs that events tell of, in the order of their starts. */
export function runsOf(events: readonly ContainerEvent[]): Run[] {
  const open = new Map<string, Run>()
  const ended: Run[] = []
  const end = (key: string, at: number): void => {
    const run = open.get(key)
    if (run !== undefined) ended.push({ ...run, until: at })
    open.delete(key)
  }
  for (const event of events.toSorted((a, b) => a.at - b.at)) {
    const key = `${event.host} ${event.id}`
    if (event.kind === 'power-lost') {
      for (const [other, { host }] of open) if (host === event.host) end(other, event.at)
      continue
    }
    if (event.kind === 'die' && !open.has(key)) open.set(key, aRun(event, Number.NEGATIVE_INFINITY))
    // A second start tells that the end of the first was not heard.
    end(key, event.at)
    if (event.kind === 'start') open.set(key, aRun(event, event.at))
  }
  return [...ended, ...open.values()].toSorted((a, b) => a.from - b.from)
}

/** Pairs of runs of one slot that overlapped. For an exclusive service there must be none. */
export function doubles(runs: readonly Run[], service: string): (readonly [Run, Run])[] {
  const own = runs.filter((run) => run.service === service)
  return own.flatMap((one, i) =>
    own
      .slice(i + 1)
      .filter((other) => other.slot === one.slot && other.from < one.until && one.from < other.until)
      .map((other) => [one, other] as const),
  )
}

function aRun({ host, id, labels }: ContainerEvent, from: number): Run {
  const label = (name: string): string => labels[`gantry.${name}`] ?? ''
  return {
    host,
    id,
    service: label('service'),
    slot: label('slot'),
    task: label('task'),
    from,
    until: Number.POSITIVE_INFINITY,
  }
}
