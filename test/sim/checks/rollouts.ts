import { specHash } from '../../../src/core/manifest/diff.ts'
import type { ManifestRevision } from '../../../src/core/model/manifest.ts'
import type { Node } from '../../../src/core/model/node.ts'
import type { ServiceSpec } from '../../../src/core/model/service.ts'
import { isTerminal, type Task } from '../../../src/core/model/task.ts'
import type { Check, CheckContext } from '../checks.ts'
import type { Shadow } from '../shadow.ts'

/** Whoever decides cannot know yet what has failed a moment ago: commits and their news take that long in bad times. */
const NEWS_MS = 4_000

/**
 * Promise 7: taking a serving task down for a newer one never leaves more slots unserved than the update allows, and
 * with `start-first` none; and never more tasks exist beside the wanted ones than the update allows.
 */
export function rolloutsKeepTheirPromise({ shadow, broken, now: time }: CheckContext): Check {
  /** When a slot ceased to be served by itself, or counts again because a node can take its task. */
  const failedAt = new Map<string, number>()
  /** When a user changed a node, and with it which slots a global service has. */
  const changedAt = new Map<number, number>()
  return {
    onCommit: (written) => {
      const touched = new Set<string>()
      for (const { key, before, after } of written) {
        if (key.startsWith('node/') && after !== null) changedAt.set((after as Node).id, time())
        if (!key.startsWith('task/') || before === null || after === null) continue
        const [old, now] = [before as Task, after as Task]
        // Whatever a slot is not served for but the rollout itself.
        const isNews = now.desired === 'running' || now.stoppedByUser || now.status.state === 'lost'
        const isPlaced = old.refusal !== null && now.refusal === null
        if ((serves(old) && !serves(now) && isNews) || isPlaced) failedAt.set(`${now.service}.${now.slot}`, time())
        if (old.desired === 'stopped' || now.desired !== 'stopped' || now.stoppedByUser) continue
        const spec = shadow.wanted().get(now.service)
        if (spec === undefined || !shadow.slots(spec).includes(now.slot)) continue
        if (!old.status.ready || isTerminal(now.status.state)) continue
        if (old.specHash === specHash(spec) && !shadow.mustLeave(old)) continue
        const served = shadow.of(now.service).some((task) => task.slot === now.slot && serves(task))
        if (!served) touched.add(now.service)
        // A task that was placed into the share of its predecessor waits for it, whatever the order is now.
        const waits = shadow
          .of(now.service)
          .some(
            (task) => task.slot === now.slot && task.desired === 'prepared' && task.spec.update.order === 'stop-first',
          )
        if (spec.update.order === 'start-first' && !waits && !served)
          broken(`${now.id} is taken down before anything serves in its slot`)
      }
      for (const service of touched) {
        const spec = shadow.wanted().get(service)
        const isNews = (slot: number): boolean => {
          const node = spec?.mode === 'global' ? (changedAt.get(slot) ?? 0) : 0
          return time() - Math.max(failedAt.get(`${service}.${slot}`) ?? 0, node) < NEWS_MS
        }
        const unserved = spec === undefined ? [] : unservedSlots(spec, shadow).filter((slot) => !isNews(slot))
        const most = spec?.update.parallelism ?? 0
        if (unserved.length > most) broken(`${service} has ${unserved.length} slots unserved, ${most} may be`)
      }
    },
  }
}

function serves(task: Task): boolean {
  return (
    task.desired === 'running' &&
    (task.status.state === 'completed' || (task.status.ready && !isTerminal(task.status.state)))
  )
}

/** Slots that nothing serves; those whose task no node can take are not the update's doing. */
function unservedSlots(spec: ServiceSpec, shadow: Shadow): number[] {
  const tasks = shadow.of(spec.name)
  return shadow.slots(spec).filter((slot) => {
    const inSlot = tasks.filter((task) => task.slot === slot)
    const unplaced = inSlot.some(({ refusal }) => refusal !== null)
    return !inSlot.some(serves) && !unplaced && !isLeft(spec, inSlot)
  })
}

/** Whether the slot stays empty because a user, the restart policy or success left it so. */
function isLeft({ restart }: ServiceSpec, inSlot: readonly Task[]): boolean {
  if (inSlot.length === 0 || inSlot.some((task) => !isTerminal(task.status.state))) return false
  const newest = inSlot.reduce((best, task) => (task.attempt > best.attempt ? task : best))
  return (
    newest.status.state === 'completed' || restart === 'no' || (newest.stoppedByUser && restart === 'unless-stopped')
  )
}

/** Promise 7: a revision is called applied only when every slot serves what it says, and it ends once. */
export function revisionsTellTheTruth({ shadow, broken }: CheckContext): Check {
  return {
    onCommit: (written) => {
      for (const { key, before, after } of written) {
        if (!key.startsWith('manifest/') || after === null || before === after) continue
        const [old, now] = [before as ManifestRevision | null, after as ManifestRevision]
        if (old !== null && ['applied', 'failed', 'superseded'].includes(old.state) && old.state !== now.state)
          broken(`${key} had ended as ${old.state} and became ${now.state}`)
        if (now.state !== 'applied' || old?.state === 'applied') continue
        for (const spec of shadow.specs(now.number).values()) {
          const wrong = objection(spec, shadow)
          if (wrong !== null) broken(`${key} is called applied, but ${wrong}`)
        }
        for (const service of now.removes) {
          if (shadow.of(service).some((task) => !isTerminal(task.status.state)))
            broken(`${key} is called applied, but ${service} is still there`)
        }
      }
    },
  }
}

function objection(spec: ServiceSpec, shadow: Shadow): string | null {
  const hash = specHash(spec)
  const tasks = shadow.of(spec.name)
  for (const slot of shadow.slots(spec)) {
    const inSlot = tasks.filter((task) => task.slot === slot)
    const good = inSlot.some((task) => task.specHash === hash && (serves(task) || task.status.state === 'completed'))
    if (!good && !isLeft(spec, inSlot)) return `nothing serves in ${spec.name}.${slot}`
    const old = inSlot.find((task) => task.specHash !== hash && !isTerminal(task.status.state))
    if (old !== undefined) return `${old.id} of an earlier spec is still there`
  }
  const surplus = tasks.find((task) => !isTerminal(task.status.state) && !shadow.slots(spec).includes(task.slot))
  return surplus === undefined ? null : `${surplus.id} is one too many`
}
