import { specHash } from '../core/manifest/diff.ts'
import type { EventDraft, EventKind } from '../core/model/event.ts'
import { type Millis, type ServiceName, taskId } from '../core/model/ids.ts'
import type { Dispatch } from '../core/model/manifest.ts'
import { CLUSTER_KEY, DESIRED_KEY, type Key, keyOf, type ServiceRecord } from '../core/model/objects.ts'
import { isAlive, NEW_STATUS, newestOf, type Task } from '../core/model/task.ts'
import { planService, type ServiceAction } from '../core/service/plan-service.ts'
import { askedAt, endedAs } from '../core/service/restart.ts'
import { invariant } from '../lib/assert.ts'
import type { Write } from '../ports/store.ts'
import { commitPart, type PassDeps } from './pass.ts'
import type { Wanted } from './world.ts'

interface Step {
  readonly writes: readonly Write[]
  readonly events: readonly EventDraft[]
}

/** Services that were at rest when they were looked at last, and the hash of the spec that they run. */
export type Resting = Map<ServiceName, string>

/** Brings one service a step closer to what is wanted of it and says when to look again. */
export async function reconcileService(name: ServiceName, deps: PassDeps, resting: Resting): Promise<Millis | null> {
  const { world, clock, log } = deps
  const wanted = world.wanted(name)
  const hash = wanted === null ? null : specHash(wanted.spec)
  const record = world.mirror.get(keyOf('service', name))?.value ?? { name, attemptFloor: 0, retryAt: null }
  const plan = planService(
    {
      name,
      spec: wanted?.spec ?? null,
      specHash: hash,
      removalAsked: world.removalAsked(name),
      tasks: world.tasksOf(name),
      nodes: world.nodes(),
      attemptFloor: Math.max(record.attemptFloor, world.mirror.get(CLUSTER_KEY)?.value.attemptFloor ?? 0),
      retryAt: askedAt(record.retryAt, clock.now()),
      endSeenAt: (task) => world.endSeenAt(task.id),
      hold: wanted === null ? null : world.hold(wanted.spec),
    },
    clock.now(),
  )
  // In the same turn as the decision: what changes from here on is judged by it.
  if (plan.atRest && hash !== null) resting.set(name, hash)
  else resting.delete(name)
  if (plan.blocked !== null) log.error('removal held back', { service: name, reason: plan.blocked })
  const steps = new Map<string, Step>()
  // First, for only a part may land: what is forgotten must not be named again.
  for (const step of floorStep(plan.actions, record)) steps.set('floor', step)
  for (const action of plan.actions) addStep(steps, action, name, wanted, deps)
  const dispatch = world.dispatchOf(name)
  for (const step of lastStep(plan.actions, dispatch, deps)) steps.set('last', step)
  const source = wanted?.source ?? (dispatch === null ? DESIRED_KEY : keyOf('dispatch', dispatch.id))
  return commitPart(deps, [source, ...slotMates(plan.actions, name, deps)], [...steps.values()], plan.wakeAt)
}

/** The other tasks of a slot whose task is started or stopped, and its node: how they are is why. */
function slotMates(actions: readonly ServiceAction[], name: ServiceName, { world }: PassDeps): Key[] {
  const moved = new Set(actions.map((action) => (action.kind === 'setDesired' ? action.taskId : null)))
  const tasks = world.tasksOf(name)
  const touched = tasks.filter(({ id }) => moved.has(id))
  const slots = new Set(touched.map(({ slot }) => slot))
  const mates = tasks.filter((task) => slots.has(task.slot) && isAlive(task)).map(({ id }) => keyOf('task', id))
  const perNode = world.wanted(name)?.spec.mode === 'global'
  const nodes = touched.flatMap(({ node, slot }) => [node, perNode ? slot : null])
  return [...mates, ...nodes.flatMap((node) => (node === null ? [] : keyOf('node', node)))]
}

/** A dispatch keeps what became of it. */
function lastStep(actions: readonly ServiceAction[], dispatch: Dispatch | null, deps: PassDeps): Step[] {
  const last = dispatch === null ? null : newestOf(deps.world.tasksOf(dispatch.spec.name))
  const forgotten = actions.some((action) => action.kind === 'removeTask' && action.taskId === last?.id)
  if (dispatch === null || last === null || !forgotten) return []
  const key = keyOf('dispatch', dispatch.id)
  const message = `task ${dispatch.name} has ended: ${last.id} ${endedAs(last)}`
  const event = { ...draft(deps, 'dispatch.ended', last.id, last.service, message), object: key }
  return [{ writes: [{ put: key, value: { ...dispatch, last } }], events: [event] }]
}

function floorStep(actions: readonly ServiceAction[], record: ServiceRecord): Step[] {
  const used = actions.map((action) => (action.kind === 'raiseFloor' ? action.attempt : 0))
  const attemptFloor = Math.max(record.attemptFloor, ...used)
  if (attemptFloor === record.attemptFloor) return []
  return [{ writes: [{ put: keyOf('service', record.name), value: { ...record, attemptFloor } }], events: [] }]
}

/** Adds what one action writes. Two actions on one task become one write, since a commit writes an object once. */
function addStep(
  steps: Map<string, Step>,
  action: ServiceAction,
  name: ServiceName,
  wanted: Wanted | null,
  deps: PassDeps,
): void {
  const put = (task: Task, kind: EventKind, message: string): void => {
    const before = steps.get(task.id)?.events ?? []
    const events = [...before, draft(deps, kind, task.id, name, message)]
    steps.set(task.id, { writes: [{ put: keyOf('task', task.id), value: task }], events })
  }
  switch (action.kind) {
    case 'createTask': {
      invariant(wanted !== null, `a task is created for ${name}, which nobody wants`)
      const task = newTask(action, wanted, deps)
      put(task, 'task.created', `${task.id} was created: ${action.because}`)
      return
    }
    case 'setDesired': {
      const task = withDesired(taskOf(action.taskId, steps, deps), action, deps.clock.now())
      put(task, action.desired === 'stopped' ? 'task.stopping' : 'task.state', `${task.id} ${desireWords(action)}`)
      return
    }
    case 'setSpec': {
      invariant(wanted !== null, `a spec is set for ${name}, which nobody wants`)
      const task = taskOf(action.taskId, steps, deps)
      put({ ...task, spec: wanted.spec }, 'task.state', `${task.id}: ${action.because}`)
      return
    }
    case 'removeTask': {
      const events = [
        draft(deps, 'task.removed', action.taskId, name, `${action.taskId} was forgotten: ${action.because}`),
      ]
      steps.set(action.taskId, { writes: [{ delete: keyOf('task', action.taskId) }], events })
      return
    }
    case 'raiseFloor':
      return
  }
}

function newTask(action: ServiceAction & { kind: 'createTask' }, wanted: Wanted, deps: PassDeps): Task {
  const { spec } = wanted
  return {
    id: taskId(spec.name, action.slot, action.attempt),
    service: spec.name,
    slot: action.slot,
    attempt: action.attempt,
    spec,
    specHash: specHash(spec),
    node: null,
    placement: null,
    hostPorts: [],
    desired: action.desired,
    because: action.because,
    refusal: null,
    stoppedByUser: false,
    gone: false,
    createdAt: deps.clock.now(),
    status: { ...NEW_STATUS, failures: action.failures },
  }
}

/** A task that no agent has heard of yet ends at once; all others end when their agent says so. */
export function withDesired(
  task: Task,
  change: { readonly desired: Task['desired']; readonly because: string },
  now: Millis,
): Task {
  const next: Task = { ...task, desired: change.desired, because: change.because }
  if (change.desired !== 'stopped' || task.status.state !== 'pending') return next
  return { ...next, refusal: null, status: { ...task.status, state: 'stopped', finishedAt: now } }
}

function desireWords(action: { readonly desired: 'running' | 'stopped'; readonly because: string }): string {
  return `${action.desired === 'stopped' ? 'is stopped' : 'may start'}: ${action.because}`
}

function taskOf(id: string, steps: ReadonlyMap<string, Step>, deps: PassDeps): Task {
  const written = steps.get(id)?.writes[0]
  if (written !== undefined && 'put' in written) return written.value as Task
  const task = deps.world.mirror.get(keyOf('task', id))?.value
  invariant(task !== undefined, `the plan names a task it was not given: ${id}`)
  return task
}

function draft(deps: PassDeps, kind: EventKind, task: string, service: ServiceName, message: string): EventDraft {
  return { kind, object: `task/${task}`, service, message, by: 'control', at: deps.clock.now() }
}
