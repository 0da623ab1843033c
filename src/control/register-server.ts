import type { ServerRecord } from '../core/model/cluster.ts'
import type { EventDraft } from '../core/model/event.ts'
import { CLUSTER_KEY, keyOf } from '../core/model/objects.ts'
import type { Clock } from '../ports/clock.ts'
import type { Commit, Store, Write } from '../ports/store.ts'
import type { Mirror } from '../store/mirror.ts'
import { insist } from './insist.ts'

export interface RegisterDeps {
  readonly store: Store
  readonly mirror: Mirror
  readonly clock: Clock
}

/**
 * Writes down what a server is, once there is a cluster, and again until it stands there. What stands there of the same
 * address is what it was called before, and goes. Rejects when the signal aborts.
 */
export async function registerServer(record: ServerRecord, deps: RegisterDeps, signal: AbortSignal): Promise<void> {
  const { mirror, clock } = deps
  await untilCluster(mirror, signal)
  const key = keyOf('server', record.name)
  const registration = (): Commit | null => {
    const present = mirror.get(key)
    const former = [...mirror.list('server')].filter(
      ({ value: { name, address } }) => name !== record.name && address === record.address,
    )
    if (former.length === 0 && JSON.stringify(present?.value) === JSON.stringify(record)) return null
    const names = former.map(({ value }) => value.name)
    const was = names.length === 0 ? '' : `, and was called ${names.join(', ')}`
    const message = `server ${record.name} runs ${record.version}${was}`
    const event: EventDraft = {
      ...{ kind: 'server.changed', object: key, service: null, message },
      ...{ by: `server ${record.name}`, at: clock.now() },
    }
    const expect = [
      { key, revision: present?.revision ?? 0 },
      ...former.map(({ key, revision }) => ({ key, revision })),
    ]
    const writes: Write[] = [{ put: key, value: record }, ...former.map(({ key }): Write => ({ delete: key }))]
    return { epoch: null, expect, writes, events: [event] }
  }
  await insist(registration, deps, signal)
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
