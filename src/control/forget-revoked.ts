import { hasExpired } from '../core/identity/issued-certificates.ts'
import type { Millis } from '../core/model/ids.ts'
import { commitPart, type PassDeps } from './pass.ts'

const LOOK_AGAIN_MS: Millis = 3_600_000

/** Forgets revoked certificates that have expired by every clock: nobody believes them anyway. */
export function forgetRevoked(deps: PassDeps): Promise<Millis | null> {
  const { world, clock } = deps
  const now = clock.now()
  const revoked = world.mirror.list('revoked')
  const ended = revoked.filter(({ value }) => hasExpired(value, now))
  const steps = ended.map(({ key }) => ({ writes: [{ delete: key }], events: [] }))
  return commitPart(deps, [], steps, revoked.length > ended.length ? now + LOOK_AGAIN_MS : null)
}
