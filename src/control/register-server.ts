import { OperationalError } from '../core/errors.ts'
import type { ServerRecord } from '../core/model/cluster.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { Millis } from '../core/model/ids.ts'
import { CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { Commit, Store } from '../ports/store.ts'
import type { Mirror } from '../store/mirror.ts'

export interface RegisterDeps {
  readonly store: Store
  readonly mirror: Mirror
  readonly clock: Clock
}

const AGAIN_MS: Millis = 1_000

/** Writes down what a server is, once there is a cluster, and again until it stands there. Rejects when the signal aborts. */
export async function registerServer(
  record: ServerRecord,
  { store, mirror, clock }: RegisterDeps,
  signal: AbortSignal,
): Promise<void> {
  await untilCluster(mirror, signal)
  const key = keyOf('server', record.name)
  for (;;) {
    const present = mirror.get(key)
    if (JSON.stringify(present?.value) === JSON.stringify(record)) return
    const message = `server ${record.name} runs ${record.version}`
    const event: EventDraft = {
      ...{ kind: 'server.changed', object: key, service: null, message },
      ...{ by: `server ${record.name}`, at: clock.now() },
    }
    const expect = [{ key, revision: present?.revision ?? 0 }]
    const commit: Commit = { epoch: null, expect, writes: [{ put: key, value: record }], events: [event] }
    if (await lands(commit, store)) return
    await sleep(clock, AGAIN_MS, signal)
  }
}

function untilCluster(mirror: Mirror, signal: AbortSignal): Promise<void> {
  if (mirror.get(CLUSTER_KEY) !== null) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const unfollow = mirror.onChange(() => {
      if (mirror.get(CLUSTER_KEY) === null) return
      unfollow()
      resolve()
    })
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** Whatever else came of it shows in the mirror, or is tried again. */
async function lands(commit: Commit, store: Store): Promise<boolean> {
  try {
    return (await store.commit(commit)).kind === 'committed'
  } catch (error) {
    if (error instanceof OperationalError) return false
    throw error
  }
}
