import { OperationalError } from '../core/errors.ts'
import type { EventDraft as Draft, EventDraft, EventKind } from '../core/model/event.ts'
import type { Dispatch } from '../core/model/manifest.ts'
import { keyOf } from '../core/model/objects.ts'
import type { ServiceSpec } from '../core/model/service.ts'
import type { Task } from '../core/model/task.ts'
import { contentHash } from '../lib/canonical-json.ts'
import type { Write } from '../ports/store.ts'
import { type AcceptDeps, commitOnce, earlierAnswer } from './accept-change.ts'
import type { Caller } from './api.ts'
import { withDesired } from './reconcile-service.ts'

const TRIES = 5

/** Starts a task of its own, outside the manifest. */
export async function createDispatch(
  request: { readonly id: string; readonly name: string; readonly spec: ServiceSpec },
  caller: Caller,
  deps: AcceptDeps,
): Promise<Dispatch> {
  const { world, clock } = deps
  const key = keyOf('dispatch', request.id)
  const requestHash = contentHash(request)
  if (earlierAnswer(caller, requestHash, deps) !== null) return findDispatch(request.id, deps)
  if (world.mirror.get(key) !== null)
    throw new OperationalError('ALREADY_EXISTS', `there is a task with the id ${request.id} already`)
  const spec: ServiceSpec = { ...request.spec, name: serviceNameOf(request.name, request.id) }
  const dispatch: Dispatch = {
    id: request.id,
    name: request.name,
    spec,
    desired: 'running',
    by: caller.by,
    createdAt: clock.now(),
    last: null,
  }
  const writes: Write[] = [{ put: key, value: dispatch }]
  const expect = [{ key, revision: 0 }]
  if (caller.idempotencyKey !== null) {
    const record = { requestHash, status: 201, body: { revision: null }, at: clock.now() }
    writes.push({ put: keyOf('idempotency', caller.idempotencyKey), value: record })
  }
  const events = [draft('dispatch.created', dispatch, `task ${request.name} was asked for`, caller, deps)]
  if ((await commitOnce({ epoch: null, expect, writes, events }, deps)) !== null) return dispatch
  throw new OperationalError('ALREADY_EXISTS', `there is a task with the id ${request.id} already`)
}

/** Stops a task that was started by hand; its container is removed, the record stays. */
export async function stopDispatch(id: string, caller: Caller, deps: AcceptDeps): Promise<Dispatch> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const dispatch = findDispatch(id, deps)
    if (dispatch.desired === 'stopped') return dispatch
    const key = keyOf('dispatch', id)
    const stopped: Dispatch = { ...dispatch, desired: 'stopped' }
    const expect = [{ key, revision: deps.world.mirror.get(key)?.revision ?? 0 }]
    const events = [draft('dispatch.stopped', stopped, `task ${dispatch.name} was stopped`, caller, deps)]
    if ((await commitOnce({ epoch: null, expect, writes: [{ put: key, value: stopped }], events }, deps)) !== null)
      return stopped
  }
  throw new OperationalError('CONFLICT', `task ${id} was changed by somebody else at the same time`)
}

/** Stops one attempt for a user. Its slot gets another one where the restart policy says so. */
export async function stopTask(id: string, caller: Caller, deps: AcceptDeps): Promise<Task> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const key = keyOf('task', id)
    const record = deps.world.mirror.get(key)
    if (record === null) throw new OperationalError('NOT_FOUND', `there is no task ${id}`)
    if (record.value.desired === 'stopped') return record.value
    const because = `${caller.by} stopped it`
    const task = {
      ...withDesired(record.value, { desired: 'stopped', because }, deps.clock.now()),
      stoppedByUser: true,
    }
    const event: Draft = {
      kind: 'task.stopping',
      object: key,
      service: task.service,
      message: `${id} is stopped: ${because}`,
      by: caller.by,
      at: deps.clock.now(),
    }
    const expect = [{ key, revision: record.revision }]
    if (
      (await commitOnce({ epoch: null, expect, writes: [{ put: key, value: task }], events: [event] }, deps)) !== null
    )
      return task
  }
  throw new OperationalError('CONFLICT', `${id} was changed by somebody else at the same time`)
}

export function findDispatch(id: string, deps: Pick<AcceptDeps, 'world'>): Dispatch {
  const dispatch = deps.world.mirror.get(keyOf('dispatch', id))?.value
  if (dispatch === undefined) throw new OperationalError('NOT_FOUND', `there is no task with the id ${id}`)
  return dispatch
}

/** Names may repeat, ids do not: the service name of a dispatch carries both. The beginnings of ids may be all the same. */
function serviceNameOf(name: string, id: string): string {
  return `${name}-${contentHash(id).slice(0, 12)}`
}

function draft(kind: EventKind, dispatch: Dispatch, message: string, caller: Caller, deps: AcceptDeps): EventDraft {
  return {
    kind,
    object: `dispatch/${dispatch.id}`,
    service: dispatch.spec.name,
    message,
    by: caller.by,
    at: deps.clock.now(),
  }
}
