import { expect, test } from 'vitest'
import { aLeader } from '../../test/bed-server.ts'
import { VirtualClock } from '../../test/sim/clock.ts'
import { OperationalError } from '../core/errors.ts'
import type { Commit, CommitOutcome } from '../ports/store.ts'
import { MemoryStore } from '../store/memory.ts'

/** A store that others keep, as long as there are some. */
class DistantStore extends MemoryStore {
  isThere = true

  override commit(commit: Commit): Promise<CommitOutcome> {
    if (this.isThere) return super.commit(commit)
    return Promise.reject(new OperationalError('UNAVAILABLE', 'cannot write to the store: no server keeps it'))
  }
}

const TOKEN = { id: 'abcd', sha256: 'x' }

test('a token for the API is made as soon as the store takes it, and once', async () => {
  const clock = new VirtualClock({ guarded: false })
  const store = new DistantStore()
  const server = await aLeader({ store, clock, certifier: () => null }, 'spread')
  store.isThere = false
  const allowed = server.allow(TOKEN)
  await clock.runUntil(clock.now() + 10_000, () => true)
  expect(server.accessTokens).toEqual([])
  store.isThere = true
  await clock.runUntil(clock.now() + 10_000, () => true)
  await allowed
  expect(server.accessTokens).toMatchObject([{ ...TOKEN, createdBy: 'test' }])
  store.isThere = false
  await server.allow(TOKEN)
  await server.stop()
})

test('a server that stops does not wait for the store any longer', async () => {
  const clock = new VirtualClock({ guarded: false })
  const store = new DistantStore()
  const server = await aLeader({ store, clock, certifier: () => null }, 'spread')
  store.isThere = false
  const allowed = server.allow(TOKEN)
  await clock.runUntil(clock.now() + 5_000, () => true)
  await server.stop()
  await expect(allowed).resolves.toBeUndefined()
})
