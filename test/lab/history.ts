/** A container that ran, as the kernel had it. What is not Gantry's has no service and no task. */
export interface Seen {
  readonly host: string
  /** Of the container. */
  readonly id: string
  /** Of its first process, as the real machine numbers it: another one after a restart in place. */
  readonly pid: number
  readonly cluster: string
  readonly service: string
  readonly slot: string
  readonly task: string
}

/** What ran on all hosts, unchanged from one moment to another; in ms of the wall clock. */
export interface Look {
  readonly from: number
  readonly until: number
  readonly running: readonly Seen[]
}

/** In the order of time. Nothing is known of the moments between two looks, which are a poll apart. */
export type History = readonly Look[]

/** A time during which something was so. */
export interface Span {
  readonly from: number
  readonly until: number
}

/** Containers of one slot that ran at once. */
export interface Overlap extends Span {
  readonly service: string
  readonly slot: string
  readonly containers: readonly Seen[]
}

/** A container that nothing wanted. */
export interface Orphan extends Span {
  readonly container: Seen
}

/** Adds what was seen at a moment. Looks that saw the same become one. */
export function addLook(history: Look[], at: number, running: readonly Seen[]): void {
  const last = history.at(-1)
  if (last !== undefined && keyOf(last.running) === keyOf(running)) history[history.length - 1] = { ...last, until: at }
  else history.push({ from: at, until: at, running })
}

/** Times during which a slot of these services ran more than once. For an exclusive service there must be none. */
export function overlaps(history: History, isExclusive: (service: string) => boolean): Overlap[] {
  const found = new Map<string, Overlap[]>()
  for (const { from, until, running } of history) {
    for (const [key, containers] of bySlot(running)) {
      const [first] = containers
      if (first === undefined || containers.length < 2 || !isExclusive(first.service)) continue
      const earlier = found.get(key) ?? []
      const last = earlier.at(-1)
      found.set(key, earlier)
      if (last !== undefined && goesOn(history, last.until, from)) {
        earlier[earlier.length - 1] = { ...last, until, containers: united(last.containers, containers) }
      } else earlier.push({ service: first.service, slot: first.slot, from, until, containers })
    }
  }
  return [...found.values()].flat().toSorted((a, b) => a.from - b.from)
}

/** Slots of any service that ran more than once for longer than a replacement may take. */
export function duplicates(history: History, allowedMs: number): Overlap[] {
  return overlaps(history, () => true).filter(({ from, until }) => until - from > allowedMs)
}

/**
 * Containers of Gantry that ran on for longer than allowed after the moment until which their task was wanted: Infinity when
 * it still is, -Infinity when it never was.
 */
export function orphans(history: History, wantedUntil: (task: string) => number, allowedMs: number): Orphan[] {
  const lives = new Map<string, Orphan>()
  for (const { from, until, running } of history) {
    for (const container of running) {
      const wanted = wantedUntil(container.task)
      if (container.task === '' || wanted >= until) continue
      const key = `${container.host} ${container.id}`
      lives.set(key, { container, from: lives.get(key)?.from ?? Math.max(from, wanted), until })
    }
  }
  return [...lives.values()].filter(({ from, until }) => until - from > allowedMs)
}

/**
 * Times during which fewer containers of a service ran than this. A time begins with the look that missed one and ends with
 * the first that did not, or with the history.
 */
export function outages(history: History, service: string, atLeast = 1): Span[] {
  const spans: Span[] = []
  let from: number | null = null
  for (const look of history) {
    const isUp = look.running.filter((one) => one.service === service).length >= atLeast
    if (isUp && from !== null) spans.push({ from, until: look.from })
    from = isUp ? null : (from ?? look.from)
  }
  const end = history.at(-1)?.until
  return from === null || end === undefined ? spans : [...spans, { from, until: end }]
}

/** The longest of some times, in ms; 0 when there are none. */
export function longestMs(spans: readonly Span[]): number {
  return Math.max(0, ...spans.map(({ from, until }) => until - from))
}

/** Starts of a service's containers that were seen: a restart in place is one. */
export function starts(history: History, service: string): Seen[] {
  const seen = new Map<string, Seen>()
  for (const { running } of history) {
    for (const one of running) if (one.service === service) seen.set(`${one.host} ${one.id} ${one.pid}`, one)
  }
  return [...seen.values()]
}

function bySlot(running: readonly Seen[]): Map<string, Seen[]> {
  const ours = running.filter(({ service }) => service !== '')
  return Map.groupBy(ours, ({ cluster, service, slot }) => JSON.stringify([cluster, service, slot]))
}

/** Whether no look lies between two moments. */
function goesOn(history: History, end: number, next: number): boolean {
  return !history.some(({ from }) => from > end && from < next)
}

function united(some: readonly Seen[], others: readonly Seen[]): Seen[] {
  return [...some, ...others.filter(({ id }) => !some.some((one) => one.id === id))]
}

function keyOf(running: readonly Seen[]): string {
  return running
    .map(({ host, id, pid }) => `${host} ${id} ${pid}`)
    .toSorted()
    .join('\n')
}
