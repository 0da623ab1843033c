import { specHash } from '../core/manifest/diff.ts'
import type { EventDraft } from '../core/model/event.ts'
import type { Millis } from '../core/model/ids.ts'
import { keyOf } from '../core/model/objects.ts'
import { isAlive } from '../core/model/task.ts'
import { smallestFree } from '../core/node/join.ts'
import { askedAt } from '../core/service/restart.ts'
import { judgeRevision } from '../core/service/revision.ts'
import type { Write } from '../ports/store.ts'
import { collect } from './collect.ts'
import { commitPart, type PassDeps } from './pass.ts'

/** Ends the desired revision when it is reached or cannot be, and forgets what nobody needs any more. */
export async function reconcileManifest(deps: PassDeps): Promise<Millis | null> {
  const { world, clock } = deps
  const now = clock.now()
  const revision = world.manifest(world.desired)
  if (revision === null || revision.state !== 'progressing') return collect(deps)

  const specs = Object.values(world.specs(revision.number))
  const leftovers = world.tasks().filter((task) => isAlive(task) && revision.removes.includes(task.service)).length
  const services = specs.map((spec) => ({
    spec,
    specHash: specHash(spec),
    tasks: world.tasksOf(spec.name),
    retryAt: askedAt(world.mirror.get(keyOf('service', spec.name))?.value.retryAt ?? null, now),
  }))
  const seenSince = world.seenSince(keyOf('manifest', revision.number))
  const verdict = judgeRevision({ revision, seenSince, services, leftovers, nodes: world.nodes() }, now)
  if (verdict.kind === 'progressing') return verdict.wakeAt

  const message = verdict.kind === 'failed' ? verdict.message : ''
  const event: EventDraft = {
    kind: verdict.kind === 'applied' ? 'manifest.applied' : 'manifest.failed',
    object: `manifest/${revision.number}`,
    service: null,
    message:
      verdict.kind === 'applied'
        ? `manifest ${revision.number} is applied`
        : `manifest ${revision.number} failed: ${message}`,
    by: 'control',
    at: now,
  }
  const put: Write = {
    put: keyOf('manifest', revision.number),
    value: { ...revision, state: verdict.kind, message, finishedAt: now },
  }
  // Every task and node that the verdict rests on must still be as it was, and none may have joined.
  const nodes = [...world.nodes().map(({ id }) => id), smallestFree(world.nodes())].map((id) => keyOf('node', id))
  const basis = [...nodes, ...services.flatMap(({ tasks }) => tasks.map((task) => keyOf('task', task.id)))]
  return commitPart(deps, ['desired/self', ...basis], [{ writes: [put], events: [event] }], null)
}
