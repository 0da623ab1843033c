import { OperationalError } from '../core/errors.ts'
import type { Event } from '../core/model/event.ts'
import type { Mirror } from '../store/mirror.ts'
import type { EventQuery } from './api.ts'
import { Channel } from './streams.ts'

/** The events that are kept and match, oldest first. Throws CONFLICT for one that lies ahead. */
export function keptEvents(query: EventQuery, mirror: Mirror): readonly Event[] {
  checkKnown(query.after, mirror)
  const found: Event[] = []
  for (const { value } of mirror.list('event')) if (matches(value, query)) found.push(value)
  return query.limit === null ? found : found.slice(Math.max(0, found.length - query.limit))
}

/** The same, and then each that follows, until `signal`. Throws CONFLICT at once for one that lies ahead. */
export function watchEvents(query: EventQuery, mirror: Mirror, signal: AbortSignal): AsyncIterable<Event> {
  checkKnown(query.after, mirror)
  return watched(query, mirror, signal)
}

async function* watched(query: EventQuery, mirror: Mirror, signal: AbortSignal): AsyncIterable<Event> {
  const channel = new Channel<Event>(signal, Number.MAX_SAFE_INTEGER)
  const kept = keptEvents(query, mirror)
  const unwatch = mirror.onChange((batch) => {
    for (const { key, value } of batch.changes) {
      if (value !== null && key.startsWith('event/') && matches(value as Event, query))
        void channel.push(value as Event)
    }
  })
  try {
    yield* kept
    yield* channel
  } finally {
    unwatch()
  }
}

/** Whoever waits for events after one that has not happened has another history. */
function checkKnown(after: string | null, { revision }: Mirror): void {
  if (after === null || Number(after.split('.')[0]) <= revision) return
  throw new OperationalError('CONFLICT', `event ${after} has not happened in this cluster`, {
    hint: 'ask again without it, for the whole history',
  })
}

function matches(event: Event, query: EventQuery): boolean {
  if (query.after !== null && event.id <= query.after) return false
  if (query.service !== null && event.service !== query.service) return false
  return query.object === null || event.object === query.object
}
