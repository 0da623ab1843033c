import { setTimeout as pause } from 'node:timers/promises'
import type { Api } from '../../control/api.ts'
import { type GoclusterPulse, type GoclusterView, goclusterPulse } from '../../core/compat/gocluster-status.ts'
import type { Event } from '../../core/model/event.ts'

const EVERY_MS = 5_000

/** How the cluster is: at once, whenever nodes or the leader change, and every five seconds. Ends when the signal aborts. */
export async function* pulses(
  api: Api,
  look: () => GoclusterView,
  signal: AbortSignal,
): AsyncGenerator<GoclusterPulse> {
  const [newest] = api.events({ after: null, service: null, object: null, limit: 1 })
  const over = new AbortController()
  const ended = AbortSignal.any([signal, over.signal])
  const query = { after: newest?.id ?? null, service: null, object: null, limit: null }
  const events = api.watchEvents(query, ended)[Symbol.asyncIterator]()
  try {
    let change = nextChange(events)
    while (!signal.aborted) {
      yield goclusterPulse(look())
      const waiting = new AbortController()
      const tick = pause(EVERY_MS, 'tick', { signal: AbortSignal.any([ended, waiting.signal]) }).catch(() => 'tick')
      const first = await Promise.race([tick, change])
      waiting.abort()
      if (first === 'change') change = nextChange(events)
      if (first === 'end') return
    }
  } finally {
    over.abort()
  }
}

async function nextChange(events: AsyncIterator<Event>): Promise<'change' | 'end'> {
  for (;;) {
    const { value, done } = await events.next()
    if (done) return 'end'
    if (/^(?:node|leader|cluster)\./.test((value as Event).kind)) return 'change'
  }
}
